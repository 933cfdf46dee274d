namespace AutoResearch.Kernels.Tests.Cuda;

public sealed unsafe class CudaGraphTests : IDisposable
{
    private readonly FakeCuda _cuda = new();
    private readonly CudaDevice _device;
    private readonly CudaModule _module;
    private readonly CudaBuffer _buffer;

    public CudaGraphTests()
    {
        _device = _cuda.Open();
        _cuda.Kernel("scale", "pfi", &FakeKernels.Scale);
        _module = new(_device, FakeKernels.Cubin);
        _buffer = CudaBuffer.Of<float>(_device, [1, 1, 1, 1]);
    }

    public void Dispose()
    {
        _buffer.Dispose();
        _module.Dispose();
        _device.Dispose();
        Assert.Equal((0, 0, 0), (_cuda.Get("graphs"), _cuda.Get("graph_execs"), _cuda.Violations));
        _cuda.Dispose();
    }

    [Fact]
    public void Capture_Step_RunsOnlyWhenLaunched()
    {
        using var graph = CudaGraph.Capture(_device.Stream, () =>
        {
            Scale(2);
            Scale(3);
        });

        Assert.Equal(2, graph.NodeCount);
        Assert.Equal((0, 1), (_cuda.Get("launches"), Value()));
        graph.Launch(_device.Stream);
        graph.Launch(_device.Stream);
        Assert.Equal(36, Value());
        Assert.False(_device.Stream.IsCapturing);
    }

    [Fact]
    public void Update_OtherArguments_KeepsTheGraph()
    {
        using var graph = CudaGraph.Capture(_device.Stream, () => Scale(2));
        Assert.True(graph.Update(_device.Stream, () => Scale(5)));
        graph.Launch(_device.Stream);
        Assert.Equal(5, Value());
        Assert.Equal(1, _cuda.Get("cuGraphInstantiateWithFlags"));
    }

    [Fact]
    public void Update_OtherOperations_BuildsItAnew()
    {
        using var graph = CudaGraph.Capture(_device.Stream, () => Scale(2));
        Assert.False(graph.Update(_device.Stream, () =>
        {
            Scale(5);
            Scale(5);
        }));
        Assert.Equal(2, graph.NodeCount);
        graph.Launch(_device.Stream);
        Assert.Equal(25, Value());
    }

    [Fact]
    public void Capture_WorkThrows_StreamIsUsableAgain()
    {
        Assert.Equal("mine", Assert.Throws<InvalidOperationException>(() => CudaGraph.Capture(_device.Stream, () =>
        {
            Scale(2);
            throw new InvalidOperationException("mine");
        })).Message);
        Assert.False(_device.Stream.IsCapturing);
        Scale(7);
        Assert.Equal(7, Value());
    }

    [Fact]
    public void Capture_WorkWaitsForTheGpu_SaysWhatIsWrong()
    {
        var error = Assert.Throws<CudaException>(() =>
            CudaGraph.Capture(_device.Stream, () => _buffer.CopyTo<float>(new float[4])));
        Assert.Equal(900, error.Code);
        Assert.Contains("not allowed while the stream is captured", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, Value());
    }

    [Fact]
    public void Capture_Nothing_Throws() =>
        Assert.Contains("Nothing was recorded",
            Assert.Throws<InvalidOperationException>(() => CudaGraph.Capture(_device.Stream, () => { })).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Capture_WithinCapture_Throws() =>
        Assert.Throws<InvalidOperationException>(() =>
            CudaGraph.Capture(_device.Stream, () => CudaGraph.Capture(_device.Stream, () => Scale(2))));

    [Fact]
    public void Capture_OtherStreamJoins_IsRecordedToo()
    {
        using var side = new CudaStream(_device);
        using var fork = new CudaEvent(_device, timing: false);
        using var join = new CudaEvent(_device, timing: false);
        using var graph = CudaGraph.Capture(_device.Stream, () =>
        {
            fork.Record(_device.Stream);
            side.Wait(fork);
            _module.Function("scale").Launch(side, new(1, 4), _buffer, 3f, 4);
            join.Record(side);
            _device.Stream.Wait(join);
            Scale(2);
        });
        graph.Launch(_device.Stream);
        Assert.Equal(6, Value());

        Assert.Throws<CudaException>(() => CudaGraph.Capture(_device.Stream, () =>
        {
            fork.Record(_device.Stream);
            side.Wait(fork);
            _module.Function("scale").Launch(side, new(1, 4), _buffer, 3f, 4);
        }));
    }

    [Fact]
    public void Launch_SynchronizeLaunches_DoesNotDisturbACapture()
    {
        using var cuda = new FakeCuda();
        using var device = cuda.Open(synchronizeLaunches: true);
        cuda.Kernel("scale", "pfi", &FakeKernels.Scale);
        using var module = new CudaModule(device, FakeKernels.Cubin);
        using var buffer = CudaBuffer.Of<float>(device, [1, 1, 1, 1]);
        using var graph = CudaGraph.Capture(device.Stream,
            () => module.Function("scale").Launch(device.Stream, new(1, 4), buffer, 2f, 4));
        graph.Launch(device.Stream);
    }

    private void Scale(float factor) => _module.Function("scale").Launch(_device.Stream, new(1, 4), _buffer, factor, 4);

    private float Value()
    {
        var values = new float[4];
        _buffer.CopyTo<float>(values);
        return values[3];
    }
}
