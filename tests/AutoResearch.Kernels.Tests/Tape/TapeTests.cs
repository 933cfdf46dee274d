using AutoResearch.Tests;

namespace AutoResearch.Kernels.Tests;

public sealed class TapeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Step_Warm_AllocatesNothing(int threads)
    {
        using var backend = new CpuBackend(new() { Threads = threads });
        using var model = new SmallModel(backend);
        for (var i = 0; i < 3; i++) model.Step();
        Allocations.None(() => model.Step());
    }

    [Fact]
    public void Steps_SameSeed_BitEqualAndIndependentOfThreads()
    {
        var runs = new[] { 1, 1, 2, 3 }.Select(threads =>
        {
            using var backend = new CpuBackend(new() { Threads = threads });
            using var model = new SmallModel(backend);
            return Enumerable.Range(0, 6).Select(_ => BitConverter.SingleToInt32Bits(model.Step())).ToArray();
        }).ToArray();
        foreach (var run in runs[1..]) Assert.Equal(runs[0], run);
    }

    [Fact]
    public void Steps_SmallModel_LossFalls()
    {
        using var backend = new CpuBackend(new() { Threads = 1 });
        using var model = new SmallModel(backend);
        var first = model.Step();
        var last = first;
        for (var i = 0; i < 40; i++) last = model.Step();
        Assert.InRange(first, 2f, 4f);
        Assert.True(last < first / 2, $"the loss went from {first} to {last}");
    }

    [Fact]
    public void Steps_CpuAndReference_SameLosses()
    {
        using var cpu = new CpuBackend(new() { Threads = 2 });
        using var reference = new ReferenceBackend();
        using var a = new SmallModel(cpu);
        using var b = new SmallModel(reference);
        for (var i = 0; i < 4; i++) Assert.Equal(b.Step(), a.Step(), 2e-3f);
    }

    [Fact]
    public void Backward_Twice_GradientsAccumulate()
    {
        using var backend = new CpuBackend(new() { Threads = 1 });
        var one = new GradientCase([(5, 7), (3, 7)], (tape, p) => tape.Linear(p[0], p[1]));
        var (once, twice) = (one.Run(backend), one.Run(backend, repeats: 2));
        GradientCase.Near(once.Gradients[1].Select(g => 2 * g).ToArray(), twice.Gradients[1], 1e-6, "gradient");
    }

    [Fact]
    public void Backward_NotRecording_SaysWhatToDo()
    {
        using var backend = new ReferenceBackend();
        using var tape = new Tape(backend);
        using var w = backend.Parameter((2, 2));
        tape.Reset(record: false);
        var y = tape.Linear(tape.Input(new float[] { 1, 2 }, (1, 2)), w);
        Assert.Contains("Reset(record: true)", Assert.Throws<InvalidOperationException>(() => tape.Backward(y, [1, 1])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Reset_TensorOfLastStep_IsInvalid()
    {
        using var backend = new ReferenceBackend();
        using var tape = new Tape(backend);
        var x = tape.Input(new float[] { 1 }, 1);
        tape.Reset();
        Assert.Throws<ObjectDisposedException>(() => x.ToArray());
    }
}
