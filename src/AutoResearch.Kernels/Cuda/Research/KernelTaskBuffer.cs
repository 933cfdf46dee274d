namespace AutoResearch.Kernels;

/// <summary>An array that a kernel under trial reads or writes.</summary>
public sealed class KernelTaskBuffer
{
    private KernelTaskBuffer(string name, DType type, float[]? values, long count, bool isOutput)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (count < 1) throw new ArgumentException($"The buffer {name} has no elements.", nameof(count));
        (Name, Type, Values, Count, IsOutput) = (name, type, values, count, isOutput);
    }

    /// <summary>Its name, for messages and <see cref="KernelInvocation.Buffer"/>.</summary>
    public string Name { get; }

    /// <summary>Element type on the GPU.</summary>
    public DType Type { get; }

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    /// <summary>True when it is compared with the reference.</summary>
    public bool IsOutput { get; }

    /// <summary>The content before the kernel runs; null when that is undefined (filled with NaN).</summary>
    internal float[]? Values { get; }

    /// <summary>An array that is read only; the trial checks that it stays as it is.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="values">The content. Rounded to the element type; integers must be below 2²⁴.</param>
    /// <param name="type">Element type on the GPU.</param>
    /// <returns>The buffer.</returns>
    public static KernelTaskBuffer Input(string name, ReadOnlySpan<float> values, DType type = DType.Float32) =>
        new(name, type, Rounded(values, type), values.Length, false);

    /// <summary>An array that is written. It holds NaN (integers: -1) before, so that what is left out is found.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="count">Number of elements.</param>
    /// <param name="type">Element type on the GPU.</param>
    /// <returns>The buffer.</returns>
    public static KernelTaskBuffer Output(string name, long count, DType type = DType.Float32) =>
        new(name, type, null, count, true);

    /// <summary>An array that is read and written.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="values">The content before. Rounded to the element type; integers must be below 2²⁴.</param>
    /// <param name="type">Element type on the GPU.</param>
    /// <returns>The buffer.</returns>
    public static KernelTaskBuffer InOut(string name, ReadOnlySpan<float> values, DType type = DType.Float32) =>
        new(name, type, Rounded(values, type), values.Length, true);

    /// <summary>The content before, as the reference sees it.</summary>
    internal float[] HostCopy()
    {
        if (Values is not null) return [.. Values];
        var values = new float[Count];
        Array.Fill(values, Type == DType.Int32 ? -1 : float.NaN);
        return values;
    }

    // What the GPU sees is what the reference must see.
    private static float[] Rounded(ReadOnlySpan<float> values, DType type)
    {
        var result = values.ToArray();
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = type switch
            {
                DType.BFloat16 => BFloat16.ToSingle(BFloat16.FromSingle(result[i])),
                DType.Int32 when result[i] != MathF.Truncate(result[i]) || Math.Abs(result[i]) > 1 << 24 =>
                    throw new ArgumentException($"Element {i} is {result[i]}, no integer below 2^24.", nameof(values)),
                _ => result[i],
            };
        }

        return result;
    }
}
