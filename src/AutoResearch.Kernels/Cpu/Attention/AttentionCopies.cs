namespace AutoResearch.Kernels;

/// <summary>Copies of the rows of one head into compact, padded memory, and back.</summary>
internal static unsafe class AttentionCopies
{
    private const int Ahead = 16;

    /// <summary>Copies rows of one head times a factor; channels and rows beyond it become zero.</summary>
    internal static void Rows(in AttentionShape shape, float* source, long stride, float factor, float* target, int targetRows)
    {
        var (rows, columns) = (shape.Layout.Sequence, shape.Layout.HeadDim);
        var prefetch = new RowPrefetch(source, stride, rows, columns);
        prefetch.Step(Ahead);
        for (var row = 0; row < rows; row++, source += stride, target += shape.RowStride)
        {
            prefetch.Step(1);
            Simd.Scale(source, factor, target, columns);
            if (columns < shape.PaddedDim) new Span<float>(target + columns, shape.PaddedDim - columns).Clear();
        }

        for (var row = rows; row < targetRows; row++, target += shape.RowStride) new Span<float>(target, shape.PaddedDim).Clear();
    }

    /// <summary>Transposes rows into panels of one strip each: target[strip][column][row in the strip].</summary>
    internal static void Transpose(float* source, int stride, int rows, int columns, int strip, float* target)
    {
        for (var row = 0; row < rows; row += strip, target += (long)strip * columns)
            GemmPacking.Panel(source + ((long)row * stride), stride, 1, strip, strip, columns, target);
    }

    internal static void Clear(float* target, long floats)
    {
        for (; floats > 0; floats -= 1 << 20, target += 1 << 20) new Span<float>(target, (int)Math.Min(floats, 1 << 20)).Clear();
    }
}
