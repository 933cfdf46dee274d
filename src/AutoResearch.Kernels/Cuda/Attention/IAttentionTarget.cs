namespace AutoResearch.Kernels;

/// <summary>
/// Where the attention runs: a device, or the emulator of the tests. Everything else is the same code for both.
/// </summary>
internal unsafe interface IAttentionTarget
{
    /// <summary>The Hopper kernels (sm_90a) instead of those for sm_80 and newer.</summary>
    bool Hopper { get; }

    /// <summary>Multiprocessors, for the number of blocks.</summary>
    int Multiprocessors { get; }

    /// <summary>
    /// Writes the 128 bytes of a 4-D map of bf16 with 128-byte swizzle: <c>(headDim, rows, heads, batch)</c>, boxes of 64
    /// channels and <paramref name="boxRows"/> rows.
    /// </summary>
    void EncodeMap(void* map, in AttentionTensor tensor, int headDim, int rows, int heads, int batch, int boxRows);

    /// <summary>Fills device memory with zeros, in stream order.</summary>
    void Clear(nint address, long bytes);

    /// <summary>
    /// Launches a kernel with one parameter, a struct of so many bytes by value; they must be copied before this returns.
    /// </summary>
    void Launch(in AttentionStep step, void* parameters, int bytes);
}
