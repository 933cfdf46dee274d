namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>Steps as graphs, on the emulated GPU.</summary>
[Collection(nameof(EmulatedGpu))]
public sealed unsafe class CudaStepGraphTests : IDisposable
{
    private readonly CudaBackend _cuda = EmulatedGpu.Open();
    private readonly Tensor _weight, _sum;
    private readonly Tape _tape;

    public CudaStepGraphTests()
    {
        _weight = _cuda.Parameter((8, 8));
        _weight.CopyFrom([.. Enumerable.Range(0, 64).Select(i => i % 9 == 0 ? 2f : 0f)]); // 2 · identity
        _sum = _cuda.Allocate((1, 8));
        _tape = new Tape(_cuda);
        Step(1, 1); // rounds the weight, which no later step does
    }

    public void Dispose()
    {
        _tape.Dispose();
        _sum.Dispose();
        _weight.Dispose();
        _cuda.Dispose();
    }

    [Fact]
    public void Run_SameStepNewValues_IsReplayedWithThem()
    {
        using var graph = _cuda.CreateStepGraph();
        for (var i = 1; i <= 4; i++)
        {
            graph.Run(() => Step(i, 1));
            Assert.All(_sum.ToArray(), v => Assert.Equal(2 * i, v));
        }

        Assert.Equal(3, graph.Replays);
    }

    [Fact]
    public void Run_AnotherStep_IsRecordedAnew()
    {
        using var graph = _cuda.CreateStepGraph();
        foreach (var times in (int[])[1, 1, 3, 3, 1])
        {
            graph.Run(() => Step(5, times));
            Assert.All(_sum.ToArray(), v => Assert.Equal(10 * times, v));
        }

        Assert.Equal(2, graph.Replays);
    }

    [Fact]
    public void Run_WeightChanged_ReplayNeverUsesTheOldCopy()
    {
        using var graph = _cuda.CreateStepGraph();
        for (var i = 0; i < 3; i++)
        {
            graph.Run(() => Step(1, 1));
            Assert.All(_sum.ToArray(), v => Assert.Equal(2 * (1 << i), v));
            _cuda.Scale(_weight, 2);
        }

        // Written behind the library's back, as foreign code does.
        _cuda.Synchronize();
        for (var i = 0; i < 8; i++) ((float*)_weight.Address)[i * 9] = 7;
        _weight.MarkChanged();
        graph.Run(() => Step(1, 1));
        Assert.All(_sum.ToArray(), v => Assert.Equal(7, v));
    }

    [Fact]
    public void Run_StepThrows_NothingOfItHappens()
    {
        using var graph = _cuda.CreateStepGraph();
        _sum.Fill(-1);
        Assert.Throws<TimeoutException>(() => graph.Run(() =>
        {
            Step(1, 1);
            throw new TimeoutException();
        }));
        Assert.All(_sum.ToArray(), v => Assert.Equal(-1, v));
        graph.Run(() => Step(3, 1));
        Assert.All(_sum.ToArray(), v => Assert.Equal(6, v));
    }

    [Fact]
    public void Run_StepReadsValues_SaysWhereToReadThem()
    {
        using var graph = _cuda.CreateStepGraph();
        var error = Assert.Throws<InvalidOperationException>(() => graph.Run(() => _sum.ToArray()));
        Assert.Contains("after StepGraph.Run", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => graph.Run(() => _cuda.Synchronize()));
    }

    [Fact]
    public void Run_OnTheCpu_CallsTheStep()
    {
        using var cpu = new CpuBackend(new() { Threads = 1 });
        using var graph = cpu.CreateStepGraph();
        var calls = 0;
        graph.Run(() => calls++);
        Assert.Equal((1, 0L), (calls, graph.Replays));
    }

    [Fact]
    public void Measure_Peak_IsARate() => Assert.True(CudaPeak.Measure(_cuda, 64, 2) > 0);

    [Fact]
    public void Create_ImpossibleOptions_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => EmulatedGpu.Open(logitsBytes: 1000));

    // sum = times · (value · weight)
    private void Step(float value, int times)
    {
        _tape.Reset();
        _sum.Fill(0);
        var y = _tape.Linear(_tape.Input(Enumerable.Repeat(value, 8).ToArray(), (1, 8)), _weight);
        for (var i = 0; i < times; i++) _cuda.Add(y, _sum);
    }
}
