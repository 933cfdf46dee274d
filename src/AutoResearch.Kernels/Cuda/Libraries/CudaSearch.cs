using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// The places where CUDA's libraries may lie, in the order in which they are looked at. Works on a given environment and file
/// system root, so that it can be tested.
/// </summary>
internal sealed class CudaSearch(
    Func<string, string?> environment, string root = "/", bool useLoader = true, bool? windows = null)
{
    /// <summary>Folders or files to look at before anything else, separated as in PATH.</summary>
    internal const string Variable = "AUTORESEARCH_CUDA_PATH";

    private static readonly string[] ToolkitFolders =
        ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib", "bin/x64", "bin"];

    private readonly bool _windows = windows ?? OperatingSystem.IsWindows();

    /// <summary>This machine.</summary>
    internal static CudaSearch Machine { get; } = new(Environment.GetEnvironmentVariable);

    /// <summary>Whether the system's loader is asked by bare name.</summary>
    internal bool UsesLoader => useLoader;

    /// <summary>Names of a library, the preferred one first.</summary>
    /// <param name="component">The library.</param>
    /// <param name="driverVersion">Version of the driver, 1000 · major + 10 · minor: what it cannot run comes last. 0
    /// when unknown.</param>
    internal string[] Names(CudaComponent component, int driverVersion = 0)
    {
        string[] names = component switch
        {
            CudaComponent.Driver => _windows ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"],
            CudaComponent.Nvrtc => _windows
                ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"]
                : ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"],
            _ => _windows
                ? ["cublasLt64_13.dll", "cublasLt64_12.dll"]
                : ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"],
        };
        if (component == CudaComponent.Driver || driverVersion is 0 or >= 13000) return names;
        (names[0], names[1]) = (names[1], names[0]);
        return names;
    }

    /// <summary>
    /// Names under which Python wheels and libtorch packages carry a library with a hash in its name; a file pattern, or null.
    /// </summary>
    internal string? Pattern(CudaComponent component) => component switch
    {
        _ when _windows => null,
        CudaComponent.Nvrtc => "libnvrtc-????????.so.1*",
        CudaComponent.CublasLt => "libcublasLt-????????.so.1*",
        _ => null,
    };

    /// <summary>What the user named in the environment: files or folders, before the system's own search.</summary>
    internal IEnumerable<string> Named()
    {
        foreach (var part in Split(environment(Variable)))
        {
            yield return part;
            foreach (var folder in Toolkit(part)) yield return folder;
        }

        foreach (var name in (string[])["CUDA_PATH", "CUDA_HOME"])
        {
            if (environment(name) is { Length: > 0 } toolkit)
                foreach (var folder in Toolkit(toolkit)) yield return folder;
        }
    }

    /// <summary>Usual folders, after the system's own search.</summary>
    internal IEnumerable<string> Usual()
    {
        foreach (var toolkit in Matches(At("usr/local"), "cuda*").Append(At("opt/cuda")))
            foreach (var folder in Toolkit(toolkit)) yield return folder;
        if (environment("ProgramFiles") is { Length: > 0 } programs)
        {
            foreach (var toolkit in Matches(Path.Combine(programs, "NVIDIA GPU Computing Toolkit", "CUDA"), "v*"))
                foreach (var folder in Toolkit(toolkit)) yield return folder;
        }

        foreach (var folder in (string[])["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib",
            "lib64", "usr/lib/wsl/lib", "run/opengl-driver/lib"])
            yield return At(folder);
        foreach (var folder in Python()) yield return folder;
        foreach (var folder in TorchSharp()) yield return folder;
    }

    private IEnumerable<string> Python()
    {
        var home = Home();
        string?[] prefixes =
        [
            environment("VIRTUAL_ENV"), environment("CONDA_PREFIX"), At("usr/local"), At("usr"), At("opt/conda"), At("opt/venv"),
            .. home is null ? []
                : (string[])[Path.Combine(home, ".local"), Path.Combine(home, "miniconda3"), Path.Combine(home, "anaconda3"),
                    Path.Combine(home, ".venv")],
        ];
        foreach (var prefix in prefixes)
        {
            if (string.IsNullOrEmpty(prefix)) continue;
            if (environment("CONDA_PREFIX") == prefix) yield return Path.Combine(prefix, "lib");
            IEnumerable<string> pythons = _windows
                ? [Path.Combine(prefix, "Lib")]
                : Matches(Path.Combine(prefix, "lib"), "python3*");
            foreach (var python in pythons)
            {
                foreach (var packages in (string[])["site-packages", "dist-packages"])
                {
                    var folder = Path.Combine(python, packages);
                    foreach (var wheel in Matches(Path.Combine(folder, "nvidia"), "*"))
                    {
                        yield return Path.Combine(wheel, _windows ? "bin" : "lib");
                    }

                    if (Directory.Exists(Path.Combine(folder, "torch"))) yield return Path.Combine(folder, "torch", "lib");
                }
            }
        }
    }

    private IEnumerable<string> TorchSharp()
    {
        var identifier = _windows ? "win-x64" : RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "linux-arm64"
            : "linux-x64";
        yield return AppContext.BaseDirectory;
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", identifier, "native");
        var packages = environment("NUGET_PACKAGES") is { Length: > 0 } named ? named
            : Home() is { } home ? Path.Combine(home, ".nuget", "packages") : null;
        if (packages is null) yield break;
        foreach (var package in Matches(packages, "libtorch-cuda-*"))
            foreach (var version in Matches(package, "*")) yield return Path.Combine(version, "runtimes", identifier, "native");
    }

    private static IEnumerable<string> Toolkit(string path) => ToolkitFolders.Select(folder => Path.Combine(path, folder));

    private static string[] Split(string? list) =>
        (list ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    // The newest version first: names such as cuda-12.8, v12.8 and python3.12 sort by their numbers.
    private static IEnumerable<string> Matches(string folder, string pattern)
    {
        try
        {
            return Directory.Exists(folder)
                ? Directory.GetDirectories(folder, pattern).OrderByDescending(VersionOf)
                    .ThenBy(name => name, StringComparer.Ordinal)
                : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static Version VersionOf(string path)
    {
        var name = Path.GetFileName(path).AsSpan();
        var digits = name.IndexOfAnyInRange('0', '9');
        if (digits < 0) return new(0, 0);
        var number = name[digits..];
        return Version.TryParse(number, out var version) ? version : int.TryParse(number, out var whole) ? new(whole, 0)
            : new(0, 0);
    }

    private string At(string relative) => Path.Combine(root, relative);

    private string? Home() => environment("HOME") is { Length: > 0 } home ? home : environment("USERPROFILE");
}
