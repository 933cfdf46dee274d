using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>A backend whose tensors lie in the memory of the process.</summary>
public abstract unsafe class HostBackend : Backend
{
    private const nuint Alignment = 64;

    /// <inheritdoc/>
    protected internal override nint AllocateMemory(long bytes) => (nint)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);

    /// <inheritdoc/>
    protected internal override void FreeMemory(nint address, long bytes) => NativeMemory.AlignedFree((void*)address);

    /// <inheritdoc/>
    protected internal override void CopyFromHost(ReadOnlySpan<byte> source, nint destination)
    {
        fixed (byte* p = source) Buffer.MemoryCopy(p, (void*)destination, source.Length, source.Length);
    }

    /// <inheritdoc/>
    protected internal override void CopyToHost(nint source, Span<byte> destination)
    {
        fixed (byte* p = destination) Buffer.MemoryCopy((void*)source, p, destination.Length, destination.Length);
    }

    /// <inheritdoc/>
    protected internal override void Clear(Tensor tensor) =>
        NativeMemory.Clear((void*)tensor.Address, (nuint)(tensor.ElementCount * tensor.Type.Size()));

    // A wrong token id would read or write foreign memory, so host backends look at every one.
    private protected static void CheckIndices(Tensor indices, long limit, string what, int also = int.MinValue)
    {
        var values = new ReadOnlySpan<int>(indices.Ints, checked((int)indices.ElementCount));
        for (var i = 0; i < values.Length; i++)
        {
            if ((uint)values[i] >= (ulong)limit && values[i] != also)
                throw new ArgumentException($"{what} {values[i]} at position {i} lies outside 0..{limit - 1}.", nameof(indices));
        }
    }

    private protected static void CheckDocuments(Tensor documentStarts, in AttentionLayout layout)
    {
        var starts = documentStarts.Ints;
        for (var row = 0; row < layout.Tokens; row++)
        {
            var position = row % layout.Sequence;
            if (starts[row] < 0 || starts[row] > position)
                throw new ArgumentException($"The document of the token at position {position} cannot begin at {starts[row]}.",
                    nameof(documentStarts));
            if (position > 0 && starts[row] < starts[row - 1])
            {
                throw new ArgumentException($"The document of the token at position {position} cannot begin at {starts[row]}, "
                    + $"before that of the token ahead of it ({starts[row - 1]}).",
                    nameof(documentStarts));
            }
        }
    }
}
