using System.Diagnostics;
using System.Runtime.InteropServices;

namespace AutoResearch.Samples.AutonomousGpt;

/// <summary>
/// The repository that the researcher works in, and how a version of train.cs becomes a program. It is compiled by the compiler
/// alone: a whole build takes several times as long, and would let a candidate run commands while it is built.
/// </summary>
internal static class CandidateProject
{
    public const string Program = "train.dll";

    private static string DotNetRoot =>
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    private static string DotNet => Path.Combine(DotNetRoot, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet");

    /// <summary>Compiles a candidate, in its own directory.</summary>
    public static string Build => $"\"{DotNet}\" exec \"{Compiler()}\" -noconfig @build/candidate.rsp";

    /// <summary>Starts a compiled candidate, in its own directory.</summary>
    public static string Run => $"\"{DotNet}\" exec --runtimeconfig build/train.runtimeconfig.json {Program}";

    /// <summary>
    /// Directories that hold text which candidates are scored on: the documentation beside the SDK's reference assemblies.
    /// </summary>
    public static IReadOnlyList<string> TextOfTheSdk => [Path.Combine(DotNetRoot, "packs")];

    /// <summary>Makes the repository, or leaves the one that is there.</summary>
    /// <returns>Its path.</returns>
    public static string Create(string directory)
    {
        var root = Path.GetFullPath(Path.Combine(directory, "repository"));
        if (Directory.Exists(Path.Combine(root, ".git"))) return root;
        Directory.CreateDirectory(Path.Combine(root, "build"));
        foreach (var file in (string[])["train.cs", "program.md"])
            File.Copy(Path.Combine(AppContext.BaseDirectory, file), Path.Combine(root, file), overwrite: true);
        File.WriteAllText(Path.Combine(root, "build", "usings.cs"),
            "global using System;\nglobal using System.Collections.Generic;\nglobal using System.IO;\n"
            + "global using System.Linq;\n");
        File.WriteAllLines(Path.Combine(root, "build", "candidate.rsp"), CompilerArguments());
        File.WriteAllText(Path.Combine(root, "build", "train.runtimeconfig.json"), RuntimeConfiguration());
        Git(root, "init", "--quiet", "--initial-branch=main");
        Git(root, "add", "--all");
        Git(root, "-c", "user.name=AutoResearch", "-c", "user.email=autoresearch@localhost", "-c", "commit.gpgsign=false",
            "commit", "--quiet", "--message=The baseline");
        return root;
    }

    // The runtime's own assemblies serve as references, so that the SDK's packs, with the text in them, can be hidden.
    private static IEnumerable<string> CompilerArguments() =>
    [
        "-nologo", "-target:exe", $"-out:{Program}", "-nullable:enable", "-langversion:latest", "-features:FileBasedProgram",
        "-deterministic+", "-optimize+", "-debug-", "-nowarn:CS1701;CS1702", "train.cs", "build/usings.cs",
        .. Directory.EnumerateFiles(RuntimeEnvironment.GetRuntimeDirectory(), "*.dll").Where(IsManaged).Concat(Libraries())
            .Order(StringComparer.Ordinal).Select(f => $"-r:\"{f}\""),
    ];

    private static IEnumerable<string> Libraries() =>
        ((string[])["Core", "Kernels", "Pretraining"]).Select(name =>
            Path.Combine(AppContext.BaseDirectory, $"AutoResearch.{name}.dll"));

    private static bool IsManaged(string file) => Path.GetFileName(file) is var name
        && (name.StartsWith("System.", StringComparison.Ordinal) || name is "mscorlib.dll" or "netstandard.dll")
        && !name.Contains(".Native.", StringComparison.Ordinal);

    private static string RuntimeConfiguration() => $$"""
        {
          "runtimeOptions": {
            "tfm": "net10.0",
            "framework": { "name": "Microsoft.NETCore.App", "version": "{{Environment.Version}}" },
            "configProperties": {
              "APP_PATHS": {{System.Text.Json.JsonSerializer.Serialize(AppContext.BaseDirectory)}},
              "System.GC.Concurrent": false,
              "System.Globalization.Invariant": true
            }
          }
        }
        """;

    private static string Compiler()
    {
        var compilers = Directory.Exists(Path.Combine(DotNetRoot, "sdk"))
            ? Directory.GetDirectories(Path.Combine(DotNetRoot, "sdk"), $"{Environment.Version.Major}.*")
                .Select(d => Path.Combine(d, "Roslyn", "bincore", "csc.dll")).Where(File.Exists)
            : [];
        return compilers.Order(StringComparer.Ordinal).LastOrDefault()
            ?? throw new InvalidOperationException($"There is no C# compiler below '{DotNetRoot}'. Candidates are compiled with "
                + $"the .NET {Environment.Version.Major} SDK; start this program with the dotnet of an SDK.");
    }

    private static void Git(string directory, params string[] arguments)
    {
        using var process =
            Process.Start(new ProcessStartInfo("git", arguments) { WorkingDirectory = directory, RedirectStandardError = true })
            ?? throw new InvalidOperationException("git could not be started; install it.");
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"git {arguments[0]} failed in '{directory}': {error.Trim()}");
    }
}
