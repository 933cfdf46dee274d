using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>
/// A driver and a cuBLASLt of host memory (fake_cuda.cpp), compiled once per test run. Every instance loads a copy of its own, so
/// tests do not see each other's state. Skips the test where there is no g++.
/// </summary>
internal sealed unsafe class FakeCuda : IDisposable
{
    private static readonly Lazy<(string? Library, string? Missing)> Built = new(Build);

    private readonly nint _library;

    internal FakeCuda(params (string Setting, long Value)[] settings)
    {
        var (library, missing) = Built.Value;
        Assert.SkipWhen(missing is not null, missing ?? "");
        Folder = Directory.CreateTempSubdirectory("autoresearch-cuda-").FullName;
        File.Copy(library!, Path.Combine(Folder, "libcuda.so.1"));
        File.CreateSymbolicLink(Path.Combine(Folder, "libcublasLt.so.12"), Path.Combine(Folder, "libcuda.so.1"));
        _library = NativeLibrary.Load(Path.Combine(Folder, "libcuda.so.1"));
        foreach (var (setting, value) in settings) Set(setting, value);
        Libraries = new CudaLibraries(
            new CudaSearch(name => name == CudaSearch.Variable ? Folder : null, Folder, useLoader: false, windows: false));
    }

    internal string Folder { get; }

    internal CudaLibraries Libraries { get; }

    /// <summary>Breaches of the driver's rules so far: dead handles, missing contexts, leaks.</summary>
    internal long Violations => Get("violations");

    internal CudaDevice Open(bool synchronizeLaunches = false) =>
        CudaDevice.Open(0, new() { Libraries = Libraries, SynchronizeLaunches = synchronizeLaunches });

    internal void Set(string setting, long value)
    {
        fixed (byte* name = Text(setting))
            ((delegate* unmanaged<byte*, long, void>)NativeLibrary.GetExport(_library, "fake_set"))(name, value);
    }

    internal long Get(string counter)
    {
        fixed (byte* name = Text(counter))
            return ((delegate* unmanaged<byte*, long>)NativeLibrary.GetExport(_library, "fake_get"))(name);
    }

    /// <summary>Lets the n-th next call of a function fail.</summary>
    internal void Fail(string function, int status, int countdown = 1)
    {
        fixed (byte* name = Text(function))
            ((delegate* unmanaged<byte*, int, int, void>)NativeLibrary.GetExport(_library, "fake_fail"))(name, countdown, status);
    }

    /// <summary>
    /// Gives a kernel a body. The signature has a letter per parameter: p address, l 64-bit integer, i 32-bit integer, f float,
    /// d double, m tensor map. The body gets pointers to the arguments, and grid, block and shared memory as 7 numbers.
    /// </summary>
    internal void Kernel(string name, string signature, delegate* unmanaged<void**, uint*, void> body, double microseconds = 10)
    {
        fixed (byte* text = Text(name))
        fixed (byte* letters = Text(signature))
        {
            ((delegate* unmanaged<byte*, byte*, delegate* unmanaged<void**, uint*, void>, double, void>)
                NativeLibrary.GetExport(_library, "fake_kernel"))(text, letters, body, microseconds);
        }
    }

    // The library itself stays loaded: finalizers may still call it
    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text + '\0');

    private static (string?, string?) Build()
    {
        if (!OperatingSystem.IsLinux()) return (null, "The fake CUDA driver is built on Linux only.");
        var folder = Directory.CreateTempSubdirectory("fake-cuda-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        var (source, library) = (Path.Combine(folder, "fake_cuda.cpp"), Path.Combine(folder, "fake_cuda.so"));
        using (var stream = typeof(FakeCuda).Assembly.GetManifestResourceStream("fake_cuda.cpp")!)
        using (var file = File.Create(source))
            stream.CopyTo(file);
        try
        {
            // Without unique symbols, or copies of the library would share their state.
            string[] arguments =
                ["-std=c++17", "-O1", "-fPIC", "-shared", "-fno-gnu-unique", "-fvisibility=hidden", "-o", library, source];
            using var process = Process.Start(new ProcessStartInfo("g++", arguments) { RedirectStandardError = true })!;
            var errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0
                ? (library, null)
                : throw new InvalidOperationException($"The fake CUDA driver does not compile:\n{errors}");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (null, $"The fake CUDA driver needs g++: {e.Message}");
        }
    }
}
