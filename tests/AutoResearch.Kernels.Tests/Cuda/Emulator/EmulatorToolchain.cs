using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>
/// Finds g++, compiles the emulator once per test run and kernels against it, in a temporary folder deleted at exit.
/// </summary>
internal static class EmulatorToolchain
{
    private static readonly string[] Flags =
        ["-std=c++17", "-march=native", "-fPIC", "-fno-gnu-unique", "-fvisibility=hidden", "-w"];

    private static readonly Lazy<string?> Missing = new(Probe);
    private static readonly Lazy<string> Folder = new(Prepare);

    /// <summary>Why kernels cannot be emulated here; null when they can.</summary>
    internal static string? Unavailable => Missing.Value;

    /// <summary>Skips the running test where there is no g++.</summary>
    internal static void Require() => Assert.SkipWhen(Unavailable is not null, Unavailable ?? "");

    /// <summary>The text of an embedded kernel file, such as <c>ptx.cuh</c>.</summary>
    internal static string KernelText(string file) => Read(typeof(Backend).Assembly, file);

    /// <summary>Compiles a harness text into a shared library; the path of the library.</summary>
    internal static string Compile(string name, string text, string optimize)
    {
        var source = Path.Combine(Folder.Value, name + ".cpp");
        var library = Path.Combine(Folder.Value, name + ".so");
        File.WriteAllText(source, text);
        Compiler([.. Flags, optimize, "-shared", source, Path.Combine(Folder.Value, "emulator.o"), "-o", library]);
        return library;
    }

    private static string? Probe()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            return "The CUDA emulator needs Linux on x86-64.";
        try
        {
            Compiler(["--version"]);
            return null;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return $"The CUDA emulator needs g++: {e.Message}";
        }
    }

    private static string Prepare()
    {
        var folder = Directory.CreateTempSubdirectory("cuda-emulator-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        foreach (var assembly in new[] { typeof(Backend).Assembly, typeof(EmulatorToolchain).Assembly })
            foreach (var file in assembly.GetManifestResourceNames()
                .Where(n => Path.GetExtension(n) is ".cu" or ".cuh" or ".h" or ".cpp"))
                File.WriteAllText(Path.Combine(folder, file), Read(assembly, file));
        Compiler([.. Flags, "-O2", "-c", Path.Combine(folder, "emulator.cpp"), "-o", Path.Combine(folder, "emulator.o")]);
        return folder;
    }

    private static string Read(Assembly assembly, string file)
    {
        using var stream = assembly.GetManifestResourceStream(file)
            ?? throw new FileNotFoundException($"{file} is no resource of {assembly.GetName().Name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static void Compiler(string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo("g++", arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        output.Wait();
        if (process.ExitCode != 0) throw new InvalidOperationException($"g++ {string.Join(' ', arguments)}\n{errors}");
    }
}
