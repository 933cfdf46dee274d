namespace AutoResearch.Kernels;

/// <summary>Options of a <see cref="KernelCompiler"/>.</summary>
public sealed class KernelCompilerOptions
{
    /// <summary>Where NVRTC comes from.</summary>
    /// <value>Default: <see cref="CudaLibraries.Machine"/>.</value>
    public CudaLibraries Libraries { get; init; } = CudaLibraries.Machine;

    /// <summary>
    /// Folder of the cache of compiled kernels, shared by any number of processes; null for none. It may be deleted at any time.
    /// A folder that cannot be written is no error: everything is compiled anew then.
    /// </summary>
    /// <value>
    /// Default: <c>kernels</c> in the folder named by the environment variable AUTORESEARCH_CACHE if it is set, else in
    /// <c>AutoResearch</c> of the user's local application data, else in the folder for temporary files.
    /// </value>
    public string? CacheDirectory { get; init; } = DefaultDirectory();

    /// <summary>
    /// Size that the cache is cut down to when it grows beyond it, in bytes: what was used least recently goes first.
    /// </summary>
    /// <value>Default: 256 MiB.</value>
    public long CacheLimitBytes { get; init; } = 256L << 20;

    /// <summary>Marks when a cached kernel was last used.</summary>
    /// <value>Default: the system's clock.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    private static string DefaultDirectory()
    {
        var root = Environment.GetEnvironmentVariable("AUTORESEARCH_CACHE");
        if (string.IsNullOrEmpty(root))
        {
            var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
            root = Path.Combine(data.Length > 0 ? data : Path.GetTempPath(), "AutoResearch");
        }

        return Path.Combine(root, "kernels");
    }
}
