namespace AutoResearch.Kernels;

/// <summary>Copies of the rows of one head into compact, padded memory, and back.</summary>
internal static unsafe class AttentionCopies
{
    /// <summary>Copies rows of a strided matrix times a factor; columns and rows beyond it become zero.</summary>
    internal static void Rows(float* source, long stride, int rows, int columns, float factor, float* target, int targetRows, int targetColumns)
    {
        for (var row = 0; row < rows; row++, source += stride, target += targetColumns)
        {
            Simd.Scale(source, factor, target, columns);
            if (columns < targetColumns) new Span<float>(target + columns, targetColumns - columns).Clear();
        }

        for (var row = rows; row < targetRows; row++, target += targetColumns) new Span<float>(target, targetColumns).Clear();
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
