using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// Describes a tensor of up to 5 dimensions in device memory for the tensor memory accelerator of sm_90 and newer: 128 opaque
/// bytes, aligned to 128, passed to a kernel by value. Elements outside the tensor are read as zero and not written.
/// </summary>
/// <remarks>
/// A map is copied when a kernel is launched, so it may be disposed of right after. A captured graph keeps that copy.
/// </remarks>
public sealed unsafe class TensorMap : IDisposable
{
    private const nuint Size = 128;
    private const int Int32 = 3, Float32 = 7, BFloat16 = 9;

    private nint _location;

    /// <summary>Encodes a map.</summary>
    /// <param name="device">The device; compute capability 9.0 or newer.</param>
    /// <param name="type">Element type.</param>
    /// <param name="address">Device address of the first element, a multiple of 16.</param>
    /// <param name="extents">Extents, the innermost (contiguous) first; 1 to 5, each 1 to 2³².</param>
    /// <param name="strides">
    /// Distances in bytes of the dimensions but the innermost, in the same order: multiples of 16 below 2⁴⁰.
    /// </param>
    /// <param name="box">Extents of the tile that one copy moves, each 1 to 256; the innermost a multiple of 16 bytes.</param>
    /// <param name="swizzle">Permutation in shared memory; the box's innermost extent must not be wider than it.</param>
    /// <exception cref="ArgumentException">A value breaks one of these rules; the message names it.</exception>
    /// <exception cref="NotSupportedException">The GPU has no tensor memory accelerator.</exception>
    public TensorMap(
        CudaDevice device, DType type, nint address, ReadOnlySpan<long> extents, ReadOnlySpan<long> strides,
        ReadOnlySpan<int> box,
        TensorSwizzle swizzle = TensorSwizzle.None)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (device.ComputeCapability.Major < 9)
            throw new NotSupportedException(
                $"Tensor maps need compute capability 9.0; {device.Name} has {device.ComputeCapability}.");
        Check(type, address, extents, strides, box, swizzle);

        var rank = extents.Length;
        var nativeExtents = stackalloc ulong[rank];
        var nativeStrides = stackalloc ulong[rank];
        var nativeBox = stackalloc uint[rank];
        var elementStrides = stackalloc uint[rank];
        for (var i = 0; i < rank; i++)
        {
            nativeExtents[i] = (ulong)extents[i];
            nativeStrides[i] = i < rank - 1 ? (ulong)strides[i] : 0;
            nativeBox[i] = (uint)box[i];
            elementStrides[i] = 1;
        }

        device.MakeCurrent();
        _location = (nint)NativeMemory.AlignedAlloc(Size, Size);
        var nativeType = type switch { DType.Float32 => Float32, DType.Int32 => Int32, _ => BFloat16 };
        var promotion = 2; // whole lines of 128 bytes into the level-2 cache
        var status = device.Driver.TensorMapEncodeTiled(
            (void*)_location, nativeType, (uint)rank, address, nativeExtents, nativeStrides, nativeBox,
                elementStrides, 0, (int)swizzle, promotion, 0);
        if (status == 0) return;
        Dispose();
        device.Check(status,
            $"cuTensorMapEncodeTiled({type}, extents {Text(extents)}, strides {Text(strides)}, box {Text(box)}, {swizzle})");
    }

    /// <summary>Releases the memory if <see cref="Dispose"/> was not called.</summary>
    ~TensorMap() => Free();

    /// <summary>Host address of the 128 bytes.</summary>
    internal nint Location
    {
        get
        {
            ObjectDisposedException.ThrowIf(_location == 0, this);
            return _location;
        }
    }

    /// <summary>Releases the host memory. Kernels already launched are not concerned.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static void Check(DType type, nint address, ReadOnlySpan<long> extents, ReadOnlySpan<long> strides,
        ReadOnlySpan<int> box, TensorSwizzle swizzle)
    {
        var rank = extents.Length;
        if (rank is < 1 or > 5) throw new ArgumentException($"A tensor map has 1 to 5 dimensions, not {rank}.", nameof(extents));
        if (strides.Length != rank - 1)
            throw new ArgumentException($"{rank} extents need {rank - 1} strides (the innermost has none), not {strides.Length}.",
                nameof(strides));
        if (box.Length != rank)
            throw new ArgumentException($"{rank} extents need a box of {rank} extents, not {box.Length}.", nameof(box));
        if (address == 0 || address % 16 != 0)
            throw new ArgumentException(
                FormattableString.Invariant($"The address 0x{address:x} must be a multiple of 16 and not 0."),
                nameof(address));
        for (var i = 0; i < rank; i++)
        {
            if (extents[i] is < 1 or > 1L << 32)
                throw new ArgumentException($"Extent {i} is {extents[i]}; it must lie in 1..2^32.", nameof(extents));
            if (box[i] is < 1 or > 256)
                throw new ArgumentException($"Extent {i} of the box is {box[i]}; it must lie in 1..256.", nameof(box));
        }

        for (var i = 0; i < strides.Length; i++)
        {
            if (strides[i] < 0 || strides[i] % 16 != 0 || strides[i] >= 1L << 40)
                throw new ArgumentException($"Stride {i} is {strides[i]} bytes; it must be a multiple of 16 below 2^40.",
                    nameof(strides));
        }

        var width = (long)box[0] * type.Size();
        if (width % 16 != 0)
            throw new ArgumentException(
                $"The box is {width} bytes wide ({box[0]} elements of {type}); it must be a multiple of 16 bytes.",
                nameof(box));
        var span = swizzle switch
        {
            TensorSwizzle.None => long.MaxValue,
            TensorSwizzle.Bytes32 => 32,
            TensorSwizzle.Bytes64 => 64,
            TensorSwizzle.Bytes128 => 128,
            _ => throw new ArgumentOutOfRangeException(nameof(swizzle), swizzle, "Unknown swizzle."),
        };
        if (width > span)
            throw new ArgumentException(
                $"The box is {width} bytes wide; the swizzle of {span} bytes allows {span / type.Size()} elements of {type}.",
                nameof(box));
    }

    private static string Text<T>(ReadOnlySpan<T> values) => $"[{string.Join(", ", values.ToArray())}]";

    private void Free()
    {
        var location = Interlocked.Exchange(ref _location, 0);
        if (location != 0) NativeMemory.AlignedFree((void*)location);
    }
}
