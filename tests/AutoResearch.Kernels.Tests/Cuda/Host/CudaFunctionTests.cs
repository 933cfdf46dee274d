namespace AutoResearch.Kernels.Tests.Cuda;

public sealed unsafe class CudaFunctionTests : IDisposable
{
    private readonly FakeCuda _cuda = new();
    private readonly CudaDevice _device;
    private readonly CudaModule _module;

    public CudaFunctionTests()
    {
        _device = _cuda.Open();
        _cuda.Kernel("arguments", "pplii" + "fdi", &FakeKernels.Arguments);
        _cuda.Kernel("scale", "pfi", &FakeKernels.Scale);
        _module = new(_device, FakeKernels.Cubin);
    }

    public void Dispose()
    {
        _module.Dispose();
        _device.Dispose();
        Assert.Equal(0, _cuda.Violations);
        _cuda.Dispose();
    }

    [Fact]
    public void Launch_EveryKindOfArgument_Arrives()
    {
        using var buffer = new CudaBuffer(_device, 14 * 8);
        _module.Function("arguments").Launch(_device.Stream, new((2, 3, 4), (5, 6), 128), buffer, unchecked((nint)0x7FFF12345678),
            -7L, -3, 4_000_000_000u, -1.5f, 2.25, true);
        var values = new long[14];
        buffer.CopyTo<long>(values);
        Assert.Equal(0x7FFF12345678, values[0]);
        Assert.Equal((-7L, -3L, 4_000_000_000u), (values[1], values[2], (uint)values[3]));
        Assert.Equal((-1.5f, 2.25, 1L),
            (BitConverter.Int32BitsToSingle((int)values[4]), BitConverter.Int64BitsToDouble(values[5]), values[6]));
        Assert.Equal([2, 3, 4, 5, 6, 1, 128], values[7..]);
    }

    [Fact]
    public void Launch_Repeated_AllocatesNothing()
    {
        using var buffer = CudaBuffer.Of<float>(_device, [1, 1, 1, 1]);
        var scale = _module.Function("scale");
        var launch = new CudaLaunch(1, 4, 64);
        for (var i = 0; i < 3; i++) scale.Launch(_device.Stream, launch, buffer, 1f, 4);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) scale.Launch(_device.Stream, launch, buffer, 1f, 4);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Launch_ClusterCooperativeOverlap_AreAttributes()
    {
        using var buffer = CudaBuffer.Of<float>(_device, [1, 1, 1, 1]);
        _module.Function("scale")
            .Launch(_device.Stream, new((8, 2), 4, 0, (4, 2)) { Cooperative = true, OverlapsPrevious = true }, buffer, 2f, 4);
        Assert.Equal((4, 2, 1), (_cuda.Get("attribute_4"), _cuda.Get("cluster_y"), _cuda.Get("cluster_z")));
        Assert.Equal((1, 1), (_cuda.Get("attribute_2"), _cuda.Get("attribute_6")));
        Assert.Equal((1, 0), (_cuda.Get("cuLaunchKernelEx"), _cuda.Get("cuLaunchKernel")));
    }

    [Theory]
    [InlineData(0, 1, 1, 32, 0, 0, "the grid 0×1×1")]
    [InlineData(1, 70000, 1, 32, 0, 0, "at most 65535 in the second and third")]
    [InlineData(1, 1, 1, 1025, 0, 0, "1 to 1024 threads")]
    [InlineData(3, 1, 1, 32, 0, 2, "a multiple of the cluster 2×1×1")]
    [InlineData(1, 1, 1, 32, 100_000, 0, "at most 49152 are allowed")]
    [InlineData(1, 1, 1, 32, -1, 0, "-1 bytes")]
    public void Launch_ImpossibleShape_SaysWhy(int x, int y, int z, int threads, int shared, int cluster, string message)
    {
        var scale = _module.Function("scale");
        var error = Assert.Throws<ArgumentException>(() =>
            scale.Launch(_device.Stream, new((x, y, z), threads, shared, cluster == 0 ? default(Dim3) : cluster),
                (nint)0, 1f, 0));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(0, _cuda.Get("cuLaunchKernel"));
    }

    [Fact]
    public void MaxDynamicSharedBytes_Raised_AllowsLargerLaunches()
    {
        var scale = _module.Function("scale");
        Assert.Equal(49152, scale.MaxDynamicSharedBytes);
        scale.MaxDynamicSharedBytes = 232448 - 1024;
        scale.Launch(_device.Stream, new(1, 32, 200_000), (nint)0, 1f, 0);
        Assert.Contains(
            "1024 are static", Assert.Throws<ArgumentOutOfRangeException>(() => scale.MaxDynamicSharedBytes = 232448).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Attributes_AreReadFromTheDriver()
    {
        var scale = _module.Function("scale");
        Assert.Equal((168, 16, 1024, 1024),
            (scale.Registers, scale.LocalBytes, scale.StaticSharedBytes, scale.MaxThreadsPerBlock));
        Assert.Equal(5, scale.ActiveBlocks(384));
        scale.AllowLargeClusters();
        Assert.Equal(1, _cuda.Get("large_clusters"));
        Assert.Same(scale, _module.Function("scale"));
    }

    [Fact]
    public void Function_UnknownName_SaysWhatToDo()
    {
        var error = Assert.Throws<CudaException>(() => _module.Function("missing"));
        Assert.Contains("cuModuleGetFunction(missing)", error.Message, StringComparison.Ordinal);
        Assert.Contains("extern \"C\"", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, _module.Global("table").Bytes);
        Assert.Throws<ArgumentException>(() => new CudaModule(_device, "no elf"u8));
    }

    [Fact]
    public void Function_AfterItsModule_IsDisposed()
    {
        var module = new CudaModule(_device, FakeKernels.Cubin);
        var scale = module.Function("scale");
        module.Dispose();
        Assert.Throws<ObjectDisposedException>(() => scale.Launch(_device.Stream, new(1, 32), (nint)0, 1f, 0));
    }

    [Fact]
    public void Events_MeasureTimeOnTheGpu()
    {
        using var start = new CudaEvent(_device);
        using var end = new CudaEvent(_device);
        using var untimed = new CudaEvent(_device, timing: false);
        start.Record(_device.Stream);
        for (var i = 0; i < 3; i++) _module.Function("scale").Launch(_device.Stream, new(1, 32), (nint)0, 1f, 0);
        end.Record(_device.Stream);
        end.Synchronize();
        Assert.True(end.IsDone && _device.Stream.IsIdle);
        Assert.Equal(30, end.ElapsedSince(start).TotalMicroseconds, 0.01);
        Assert.Throws<InvalidOperationException>(() => end.ElapsedSince(untimed));
    }

    [Fact]
    public void Stream_FillsAndCopies_KeepTheirSizes()
    {
        using var stream = new CudaStream(_device, priority: -1);
        using var a = new CudaBuffer(_device, 64);
        using var b = new CudaBuffer(_device, 64);
        stream.Fill16(a.Address, 0x3F80, 32);
        stream.Copy(a.Address, b.Address, 64);
        stream.Fill32(b.Address + 32, 0x40000000, 2);
        stream.Fill8(b.Address + 40, 1, 4);
        var bytes = new byte[64];
        stream.CopyToHost(b.Address, bytes);
        Assert.Equal("803F803F", Convert.ToHexString(bytes[28..32]));
        Assert.Equal("000000400000004001010101803F", Convert.ToHexString(bytes[32..46]));
        stream.Fill8(b.Address, 1, 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Fill8(b.Address, 1, -1));
        using var wrapped = CudaStream.Wrap(_device, stream.Handle);
        wrapped.Synchronize();
        Assert.Throws<ArgumentException>(() => CudaStream.Wrap(_device, 0));
    }
}
