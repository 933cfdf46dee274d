namespace AutoResearch.Kernels;

/// <summary>
/// One argument of a kernel. Device addresses (<see cref="nint"/>, <see cref="CudaBuffer"/>), numbers and
/// <see cref="TensorMap"/>s convert implicitly. The C# type must have the size of the kernel's parameter: <c>int</c> for
/// <c>int</c>, <c>long</c> for <c>long long</c>, <c>float</c> for <c>float</c>.
/// </summary>
public readonly struct KernelArgument
{
    private KernelArgument(long bits) => Bits = bits;

    private KernelArgument(nint location, object? owner) => (Location, Owner) = (location, owner);

    /// <summary>The value, when it is not behind <see cref="Location"/>.</summary>
    internal long Bits { get; }

    /// <summary>Where a larger value lies; copied by the driver during the launch.</summary>
    internal nint Location { get; }

    /// <summary>Keeps what <see cref="Location"/> points to alive during the launch.</summary>
    internal object? Owner { get; }

    /// <summary>A struct passed by value.</summary>
    /// <param name="location">Where it lies, aligned as the kernel's parameter; read during the launch only.</param>
    /// <returns>The argument.</returns>
    public static unsafe KernelArgument Struct(void* location) => location == null
        ? throw new ArgumentNullException(nameof(location))
        : new((nint)location, null);

    /// <summary>A device address, or another 64-bit value.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator KernelArgument(nint value) => new((long)value);

    /// <summary>A 64-bit integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator KernelArgument(long value) => new(value);

    /// <summary>A 64-bit unsigned integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator KernelArgument(ulong value) => new((long)value);

    /// <summary>A 32-bit integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator KernelArgument(int value) => new((uint)value);

    /// <summary>A 32-bit unsigned integer.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator KernelArgument(uint value) => new((long)value);

    /// <summary>A number of single precision.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator KernelArgument(float value) => new((long)BitConverter.SingleToUInt32Bits(value));

    /// <summary>A number of double precision.</summary>
    /// <param name="value">The value.</param>
    public static implicit operator KernelArgument(double value) => new(BitConverter.DoubleToInt64Bits(value));

    /// <summary>A truth value (<c>bool</c> in C++, one byte).</summary>
    /// <param name="value">The value.</param>
    public static implicit operator KernelArgument(bool value) => new(value ? 1L : 0L);

    /// <summary>The address of device memory.</summary>
    /// <param name="buffer">The memory.</param>
    public static implicit operator KernelArgument(CudaBuffer buffer) =>
        new((long)(buffer ?? throw new ArgumentNullException(nameof(buffer))).Address);

    /// <summary>A tensor map by value, for a parameter declared <c>const __grid_constant__ CUtensorMap</c>.</summary>
    /// <param name="map">The map.</param>
    public static implicit operator KernelArgument(TensorMap map) =>
        new((map ?? throw new ArgumentNullException(nameof(map))).Location, map);
}
