namespace AutoResearch.Kernels;

/// <summary>Element type of a <see cref="Tensor"/>.</summary>
public enum DType
{
    /// <summary>IEEE single precision, 4 bytes.</summary>
    Float32,

    /// <summary>Signed integer, 4 bytes: token ids, targets, indices.</summary>
    Int32,

    /// <summary>
    /// Brain floating point, 2 bytes: activations on accelerators. The CPU backends compute in <see cref="Float32"/>.
    /// </summary>
    BFloat16,
}

/// <summary>Facts about <see cref="DType"/> values.</summary>
public static class DTypeExtensions
{
    /// <summary>Bytes of one element.</summary>
    /// <param name="type">The element type.</param>
    /// <returns>4 or 2.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member of <see cref="DType"/>.</exception>
    public static int Size(this DType type) => type switch
    {
        DType.Float32 or DType.Int32 => 4,
        DType.BFloat16 => 2,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Unknown element type."),
    };
}
