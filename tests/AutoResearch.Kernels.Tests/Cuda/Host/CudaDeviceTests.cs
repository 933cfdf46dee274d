namespace AutoResearch.Kernels.Tests.Cuda;

public sealed unsafe class CudaDeviceTests
{
    [Fact]
    public void Open_FakeGpu_ReportsItsProperties()
    {
        using var cuda = new FakeCuda();
        using var device = cuda.Open();

        Assert.Equal("Fake GPU", device.Name);
        Assert.Equal("sm_90a", device.Architecture);
        Assert.Equal(4, device.MultiprocessorCount);
        Assert.Equal(1L << 30, device.TotalMemory);
        Assert.Equal(new Version(12, 8), device.DriverVersion);
        Assert.Equal(1980, device.ClockMHz);
        Assert.Equal(232448, device.MaxSharedBytesPerBlock);
        Assert.Equal(1L << 30, device.FreeMemory());
        Assert.Contains("Fake GPU", device.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, CudaDevice.Count(cuda.Libraries));
    }

    [Theory]
    [InlineData(8, 0, "sm_80")]
    [InlineData(8, 9, "sm_89")]
    [InlineData(10, 0, "sm_100a")]
    public void Architecture_Capability_HasTheSuffixFromHopperOn(int major, int minor, string expected)
    {
        using var cuda = new FakeCuda(("major", major), ("minor", minor));
        using var device = cuda.Open();
        Assert.Equal(expected, device.Architecture);
    }

    [Fact]
    public void Open_DriverTooOld_SaysWhichVersionIsNeeded()
    {
        using var cuda = new FakeCuda(("version", 11040));
        var error = Assert.Throws<CudaNotFoundException>(() => cuda.Open());
        Assert.Contains("supports CUDA 11.4, but 12.0 is needed", error.Message, StringComparison.Ordinal);
        Assert.Contains("525", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NoGpuOrNoSuchGpu_SaysSo()
    {
        using var none = new FakeCuda(("devices", 0));
        Assert.Equal(0, CudaDevice.Count(none.Libraries));
        Assert.Contains("CUDA_VISIBLE_DEVICES", Assert.Throws<CudaException>(() => none.Open()).Message,
            StringComparison.Ordinal);

        using var one = new FakeCuda();
        var error = Assert.Throws<CudaException>(() => CudaDevice.Open(3, new() { Libraries = one.Libraries }));
        Assert.Equal(("cuDeviceGet", 101), (error.Call, error.Code));
        Assert.Contains("the first has index 0", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_GpuHeldByAnotherProcess_MayBeTriedAgain()
    {
        using var cuda = new FakeCuda();
        cuda.Fail("cuDevicePrimaryCtxRetain", 46); // CUDA_ERROR_DEVICE_UNAVAILABLE: busy now, not lost
        var error = Assert.Throws<CudaException>(() => cuda.Open());
        Assert.False(error.IsSticky);
        Assert.Contains("exclusively by another process", error.Message, StringComparison.Ordinal);
        cuda.Open().Dispose();
    }

    [Fact]
    public void Open_FailsHalfway_ContextIsGivenBack()
    {
        using var cuda = new FakeCuda();
        cuda.Fail("cuDeviceGetAttribute", 1);
        Assert.Throws<CudaException>(() => Forget(cuda));
        Collect();
        Assert.Equal(0, cuda.Get("retained"));
        using (cuda.Open()) Assert.Equal(1, cuda.Get("retained"));
        Assert.Equal(0, cuda.Get("retained"));
    }

    [Fact]
    public void Operations_OnAnyThread_HaveTheContext()
    {
        using var cuda = new FakeCuda();
        using var device = cuda.Open();
        using var buffer = new CudaBuffer(device, 1024);
        var values = new int[256];
        var thread = new Thread(() =>
        {
            buffer.Fill(0x11);
            buffer.CopyTo<int>(values);
        });
        thread.Start();
        thread.Join();
        Assert.All(values, value => Assert.Equal(0x11111111, value));
        Assert.Equal(0, cuda.Violations);
    }

    [Fact]
    public void Kernel_Faults_EveryLaterCallRepeatsTheFirstError()
    {
        using var cuda = new FakeCuda(("launch_fault_at", 2));
        var device = cuda.Open();
        cuda.Kernel("scale", "pfi", &FakeKernels.Scale);
        var module = new CudaModule(device, FakeKernels.Cubin);
        var buffer = new CudaBuffer(device, 1024);
        var scale = module.Function("scale");
        scale.Launch(device.Stream, new(1, 32), buffer, 2f, 32);
        device.Synchronize();
        scale.Launch(device.Stream, new(1, 32), buffer, 2f, 32);

        var first = Assert.Throws<CudaException>(device.Synchronize);
        Assert.True(first.IsSticky);
        Assert.Equal(("cuCtxSynchronize", 700, "CUDA_ERROR_ILLEGAL_ADDRESS"), (first.Call, first.Code, first.ErrorName));
        Assert.Contains("the last kernel launched was scale", first.Message, StringComparison.Ordinal);
        Assert.Contains("AUTORESEARCH_CUDA_SYNC=1", first.Message, StringComparison.Ordinal);
        Assert.True(device.IsUnusable);

        Action[] later =
        [
            device.Synchronize, () => device.FreeMemory(), () => buffer.Fill(0), () => _ = new CudaBuffer(device, 64 << 20),
            () => _ = new CudaStream(device), () => scale.Launch(device.Stream, new(1, 32), buffer, 2f, 32),
            () => _ = new CudaEvent(device), () => _ = new PinnedBuffer(device, 64),
        ];
        foreach (var call in later)
        {
            var again = Assert.Throws<CudaException>(call);
            Assert.Equal((first.Call, first.Code), (again.Call, again.Code));
            Assert.Same(first, again.InnerException);
            Assert.Contains("start a new one", again.Message, StringComparison.Ordinal);
        }

        module.Dispose();
        buffer.Dispose();
        device.Dispose();
        Assert.Equal(0, cuda.Get("calls_after_fault")); // nobody asks the dead driver again
    }

    [Fact]
    public void SynchronizeLaunches_Fault_NamesTheKernel()
    {
        using var cuda = new FakeCuda(("launch_fault_at", 1));
        using var device = cuda.Open(synchronizeLaunches: true);
        cuda.Kernel("scale", "pfi", &FakeKernels.Scale);
        using var module = new CudaModule(device, FakeKernels.Cubin);
        using var buffer = new CudaBuffer(device, 1024);
        var error = Assert.Throws<CudaException>(() =>
            module.Function("scale").Launch(device.Stream, new(1, 32), buffer, 2f, 32));
        Assert.Equal("cuStreamSynchronize after scale", error.Call);
    }

    [Fact]
    public void Call_FailsOnce_DeviceStaysUsable()
    {
        using var cuda = new FakeCuda();
        using var device = cuda.Open();
        cuda.Fail("cuStreamCreateWithPriority", 1);
        var error = Assert.Throws<CudaException>(() => new CudaStream(device));
        Assert.False(error.IsSticky);
        using var stream = new CudaStream(device);
        stream.Synchronize();
    }

    [Fact]
    public void Dispose_BeforeItsResources_ContextLivesUntilTheLastOne()
    {
        using var cuda = new FakeCuda();
        var device = cuda.Open();
        CudaResource[] resources = [new CudaStream(device), new CudaEvent(device), new PinnedBuffer(device, 64),
            new CudaModule(device, FakeKernels.Cubin)];
        var buffer = new CudaBuffer(device, 100);
        device.Dispose();
        device.Dispose();
        Assert.Equal(1, cuda.Get("retained"));
        Assert.Throws<ObjectDisposedException>(device.Synchronize);
        Assert.Throws<ObjectDisposedException>(((CudaStream)resources[0]).Synchronize);
        buffer.Dispose();
        foreach (var resource in resources)
        {
            resource.Dispose();
            resource.Dispose();
            Assert.Throws<ObjectDisposedException>(() => resource.Handle);
        }

        Assert.Equal((0, 0, 0, 0), (cuda.Get("retained"), cuda.Get("streams"), cuda.Get("events"), cuda.Get("blocks")));
        Assert.Equal(0, cuda.Violations);
    }

    [Fact]
    public void Finalizers_ForgottenObjects_ReleaseEverything()
    {
        using var cuda = new FakeCuda();
        Abandon(cuda);
        Collect();
        foreach (var kind in (string[])["streams", "events", "modules", "pinned", "blocks", "graphs", "graph_execs", "retained",
            "violations"])
            Assert.True(cuda.Get(kind) == 0, $"{kind}: {cuda.Get(kind)}");
    }

    private static void Forget(FakeCuda cuda) => cuda.Open();

    private static void Abandon(FakeCuda cuda)
    {
        var device = cuda.Open();
        _ = new CudaStream(device);
        _ = new CudaEvent(device);
        _ = new PinnedBuffer(device, 64);
        _ = new CudaModule(device, FakeKernels.Cubin);
        var buffer = new CudaBuffer(device, 1 << 20);
        _ = CudaGraph.Capture(device.Stream, () => buffer.Fill(1));
    }

    private static void Collect()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
