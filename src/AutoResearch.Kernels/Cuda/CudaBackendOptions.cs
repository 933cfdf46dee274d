namespace AutoResearch.Kernels;

/// <summary>Settings of a <see cref="CudaBackend"/>.</summary>
public sealed class CudaBackendOptions
{
    /// <summary>Number of the GPU, from 0.</summary>
    /// <value>The default is 0.</value>
    public int DeviceIndex { get; init; }

    /// <summary>How the device is opened and where CUDA's libraries are found.</summary>
    /// <value>The default looks everywhere.</value>
    public CudaOptions Device { get; init; } = new();

    /// <summary>How kernels are compiled and where they are cached.</summary>
    /// <value>The default keeps them in the user's local application data.</value>
    public KernelCompilerOptions Compiler { get; init; } = new();

    /// <summary>
    /// Bytes of logits that exist at a time: the output layer works through chunks of rows. More rows make the products more
    /// efficient, fewer stay in the second-level cache.
    /// </summary>
    /// <value>The default is 128 MiB.</value>
    public long LogitsBytes { get; init; } = 128L << 20;

    /// <summary>
    /// Whether the same inputs give bit-equal results every time on the same GPU. Only the backward pass of the attention knows a
    /// faster way that does not.
    /// </summary>
    /// <value>The default is true.</value>
    public bool Deterministic { get; init; } = true;

    /// <summary>Where kernels come from; the tests put the emulator in its place.</summary>
    internal Func<CudaDevice, string, IReadOnlyList<string>, IReadOnlyDictionary<string, string>,
        CudaModule>? Loader { get; init; }

    /// <summary>Whether the attention uses its kernels for Hopper; null: where the GPU is one.</summary>
    internal bool? Hopper { get; init; }
}
