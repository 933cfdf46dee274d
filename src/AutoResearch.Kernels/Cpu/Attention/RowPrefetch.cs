using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace AutoResearch.Kernels;

/// <summary>
/// Asks for rows of a strided matrix a few at a time while something else is computed. The rows of one head are short pieces far
/// apart, which the processor does not foresee. Does nothing where there is no such instruction.
/// </summary>
internal unsafe struct RowPrefetch(float* source, long stride, int rows, int columns)
{
    private const int Line = 16;

    private float* _next = source;
    private int _rows = rows;

    /// <summary>The same rows, some columns to the right.</summary>
    internal readonly RowPrefetch Shift(int offset) => new(_next + offset, stride, _rows, columns);

    /// <summary>Asks for the next rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Step(int count)
    {
        if (!Sse.IsSupported) return;
        for (; count > 0 && _rows > 0; count--, _rows--, _next += stride)
            for (var i = 0; i < columns; i += Line) Sse.Prefetch1(_next + i);
    }
}
