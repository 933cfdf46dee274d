using System.Runtime.InteropServices;

namespace AutoResearch.Kernels.Tests.Cuda;

public sealed unsafe class TensorMapTests : IDisposable
{
    private readonly FakeCuda _cuda = new();
    private readonly CudaDevice _device;

    public TensorMapTests() => _device = _cuda.Open();

    public void Dispose()
    {
        _device.Dispose();
        Assert.Equal(0, _cuda.Violations); // the fake checks that a map is aligned to 128 bytes
        _cuda.Dispose();
    }

    [Fact]
    public void Launch_Map_ArrivesByValue()
    {
        _cuda.Kernel("copy_map", "pm", &FakeKernels.CopyMap);
        using var module = new CudaModule(_device, FakeKernels.Cubin);
        using var buffer = new CudaBuffer(_device, 128);
        for (var i = 0; i < 20; i++)
        {
            using var map = new TensorMap(_device, DType.BFloat16, 0x1000, [128, 2048, 4, 8], [512, 1 << 20, 1L << 33],
                [64, 128, 1, 1], TensorSwizzle.Bytes128);
            module.Function("copy_map").Launch(_device.Stream, new(1, 1), buffer, map);
            Assert.Equal(0, map.Location % 128);
        }

        var bytes = new byte[128];
        buffer.CopyTo<byte>(bytes);
        Assert.Equal(0x1000, MemoryMarshal.Read<long>(bytes));
        Assert.Equal([9, 4, 3, 2], bytes[8..12]);
        Assert.Equal([64u, 128, 1, 1, 0], MemoryMarshal.Cast<byte, uint>(bytes.AsSpan(12, 20)).ToArray());
        Assert.Equal([128ul, 2048, 4, 8, 0], MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan(32, 40)).ToArray());
        Assert.Equal([512ul, 1 << 20, 1ul << 33, 0], MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan(72, 32)).ToArray());
    }

    public static TheoryData<string, Action<CudaDevice>> Mistakes => new()
    {
        { "1 to 5 dimensions, not 6", d => Make(d, 0x1000, [8, 1, 1, 1, 1, 1], [16, 16, 16, 16, 16], [8, 1, 1, 1, 1, 1]) },
        { "2 extents need 1 strides", d => Make(d, 0x1000, [64, 8], [], [64, 8]) },
        { "need a box of 2 extents", d => Make(d, 0x1000, [64, 8], [128], [64]) },
        { "0x1008 must be a multiple of 16", d => Make(d, 0x1008, [64, 8], [128], [64, 8]) },
        { "0x0 must be", d => Make(d, 0, [64, 8], [128], [64, 8]) },
        { "Extent 1 is 0", d => Make(d, 0x1000, [64, 0], [128], [64, 8]) },
        { "Extent 1 of the box is 257", d => Make(d, 0x1000, [64, 512], [128], [64, 257]) },
        { "Stride 0 is 120 bytes", d => Make(d, 0x1000, [60, 8], [120], [56, 8]) },
        { "Stride 0 is 1099511627776 bytes", d => Make(d, 0x1000, [64, 8], [1L << 40], [64, 8]) },
        { "12 bytes wide (6 elements of BFloat16)", d => Make(d, 0x1000, [64, 8], [128], [6, 8]) },
        { "the swizzle of 128 bytes allows 64 elements", d => Make(d, 0x1000, [128, 8], [256], [128, 8]) },
    };

    [Theory]
    [MemberData(nameof(Mistakes), DisableDiscoveryEnumeration = true)]
    public void Constructor_Mistake_IsNamed(string message, Action<CudaDevice> make)
    {
        var error = Assert.ThrowsAny<ArgumentException>(() => make(_device));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(0, _cuda.Get("cuTensorMapEncodeTiled"));
    }

    [Fact]
    public void Constructor_DriverRefuses_NamesTheMap()
    {
        _cuda.Fail("cuTensorMapEncodeTiled", 1);
        var error = Assert.Throws<CudaException>(() => Make(_device, 0x1000, [64, 8], [128], [64, 8]));
        Assert.Contains("extents [64, 8], strides [128], box [64, 8]", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_BeforeHopper_IsNotSupported()
    {
        using var cuda = new FakeCuda(("major", 8));
        using var device = cuda.Open();
        Assert.Contains("9.0", Assert.Throws<NotSupportedException>(() => Make(device, 0x1000, [64, 8], [128], [64, 8])).Message,
            StringComparison.Ordinal);
    }

    private static void Make(CudaDevice device, nint address, long[] extents, long[] strides, int[] box) =>
        new TensorMap(device, DType.BFloat16, address, extents, strides, box, TensorSwizzle.Bytes128).Dispose();
}
