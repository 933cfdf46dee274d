namespace AutoResearch.Kernels;

/// <summary>
/// A bf16 tensor <c>[batch, sequence, heads, headDim]</c> in device memory with any strides (in elements; the channels are
/// contiguous): a part of the fused projection buffer, BSHD or BHSD alike. Laid out as the kernels' <c>AttentionTensor</c>.
/// </summary>
/// <param name="Address">Device address of batch 0, position 0, head 0; a multiple of 16.</param>
/// <param name="RowStride">From one position to the next; a multiple of 8.</param>
/// <param name="HeadStride">From one head to the next; a multiple of 8.</param>
/// <param name="BatchStride">From one sequence to the next; a multiple of 8.</param>
internal readonly record struct AttentionTensor(nint Address, long RowStride, long HeadStride, long BatchStride)
{
    /// <summary>Heads side by side in rows of <paramref name="columns"/> elements, starting at a column.</summary>
    internal static AttentionTensor Rows(nint address, int sequence, int headDim, int columns, int firstColumn = 0) =>
        new(address + (firstColumn * 2), columns, headDim, (long)sequence * columns);

    /// <summary>Throws unless the kernels can read and write it.</summary>
    internal void Validate(string name)
    {
        if (Address == 0 || Address % 16 != 0)
            throw new ArgumentException(
                FormattableString.Invariant($"{name}: the address 0x{Address:x} must be a multiple of 16 and not 0."), name);
        foreach (var stride in (ReadOnlySpan<long>)[RowStride, HeadStride, BatchStride])
            if (stride < 0 || stride % 8 != 0 || stride >= 1L << 39)
                throw new ArgumentException(
                    $"{name}: the stride {stride} must be a multiple of 8 elements, from 0 to 2^39. Copy the tensor.", name);
    }
}
