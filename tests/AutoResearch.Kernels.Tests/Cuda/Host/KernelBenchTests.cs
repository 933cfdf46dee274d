using System.Globalization;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>The compiler is the real one, the GPU the fake, whose kernels are bodies of <see cref="FakeKernels"/>.</summary>
public sealed unsafe class KernelBenchTests : IDisposable
{
    private const int Count = 1000;

    private readonly FakeCuda _cuda = new();
    private readonly CudaDevice _device;
    private readonly float[] _values = [.. Enumerable.Range(0, Count).Select(i => i * 0.5f)];

    public KernelBenchTests()
    {
        Assert.SkipWhen(CudaLibraries.Machine.Find(CudaComponent.Nvrtc) is null, "NVRTC is not installed.");
        _device = _cuda.Open();
        _cuda.Kernel("scale", "pfi", &FakeKernels.Scale, microseconds: 40);
        _cuda.Kernel("scale_fast", "pfi", &FakeKernels.Scale, microseconds: 10);
        _cuda.Kernel("scale_short", "pfi", &FakeKernels.ScaleWrongly);
        _cuda.Kernel("scale_beyond", "pfi", &FakeKernels.ScaleBeyond);
        _cuda.Kernel("scale_nothing", "pfi", null);
    }

    public void Dispose()
    {
        _device?.Dispose();
        _cuda.Dispose();
    }

    [Fact]
    public void Try_RightCandidates_AreTimedAgainstTheFirst()
    {
        var trials = Bench().Try(Task(), Source("scale"), Source("scale_fast"));

        Assert.All(trials, trial => Assert.Equal((KernelOutcome.Completed, "", 0.0, 0L),
            (trial.Outcome, trial.Message, trial.MaxError, trial.Mismatches)));
        Assert.All(trials, trial => Assert.Equal(7, trial.Samples.Count));
        Assert.Equal(40, trials[0].MedianMicroseconds, 0.01);
        Assert.Equal(10, trials[1].MedianMicroseconds, 0.01);
        Assert.Equal(1, trials[0].SpeedUp, 6);
        Assert.Equal(4, trials[1].SpeedUp, 0.01);
        Assert.Equal(2.0 * Count / 10e-6, trials[1].FlopsPerSecond, 2e6);
        Assert.True(double.IsNaN(trials[1].BytesPerSecond));
        Assert.InRange(trials[0].Resources[0].Registers, 4, 64);
        Assert.Equal(0, _cuda.Violations);
        Assert.Equal(0, _device.Memory.UsedBytes);
    }

    [Fact]
    public void Try_WrongCandidates_HaveNoTime()
    {
        var trials = Bench().Try(Task(), Source("scale_short"), Source("scale_nothing"), Source("scale_beyond"), Source("scale"));

        Assert.All(trials.Take(3), trial => Assert.Equal(KernelOutcome.WrongResult, trial.Outcome));
        Assert.All(trials.Take(3), trial => Assert.Empty(trial.Samples));
        Assert.All(trials, trial => Assert.True(double.IsNaN(trial.SpeedUp)));
        Assert.Equal(1, trials[0].Mismatches);
        Assert.Contains("x[999] is 499.5, but 1498.5 is right", trials[0].Message, StringComparison.Ordinal);
        Assert.Equal(Count - 1, trials[1].Mismatches);
        Assert.Contains("wrote outside of x", trials[2].Message, StringComparison.Ordinal);
        Assert.Equal(KernelOutcome.Completed, trials[3].Outcome);
    }

    [Fact]
    public void Try_OutputNeverWritten_IsNaNInEveryElement()
    {
        var task = new KernelTask
        {
            Name = "fill",
            Buffers = [KernelTaskBuffer.Output("y", 100, DType.BFloat16)],
            Launch = run => run.Kernel.Launch(run.Stream, new(1, 128), run.Buffer("y"), 1f, 0),
            Reference = buffers => Array.Fill(buffers[0], 1f),
        };
        var trial = Assert.Single(Bench().Try(task, Source("scale")));
        Assert.Equal((KernelOutcome.WrongResult, 100L, 100L), (trial.Outcome, trial.Mismatches, trial.NaNs));
        Assert.Equal(double.PositiveInfinity, trial.MaxError);
    }

    [Fact]
    public void Try_InputWritten_IsWrong()
    {
        var task = new KernelTask
        {
            Name = "copy",
            Buffers = [KernelTaskBuffer.Input("x", _values), KernelTaskBuffer.InOut("y", _values)],
            Launch = run =>
            {
                run.Kernel.Launch(run.Stream, new(10, 128), run.Buffer("x"), 2f, Count);
                run.Kernel.Launch(run.Stream, new(10, 128), run.Buffer("y"), 2f, Count);
            },
            Reference = buffers => Scale(buffers[1], 2),
        };
        var trial = Assert.Single(Bench().Try(task, Source("scale")));
        Assert.Equal(KernelOutcome.WrongResult, trial.Outcome);
        Assert.Contains("it wrote to an input", trial.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Try_CompileError_NamesTheLine()
    {
        var trials = Bench().Try(Task(),
            new KernelSource("extern \"C\" __global__ void scale(float* x)\n{\n  x[0] = missing;\n}", "scale"), Source("scale"));
        Assert.Equal(KernelOutcome.CompileError, trials[0].Outcome);
        Assert.Equal(("kernel.cu", 3), (trials[0].CompileErrors[0].File, trials[0].CompileErrors[0].Line));
        Assert.Contains("kernel.cu(3): identifier \"missing\" is undefined", trials[0].Message, StringComparison.Ordinal);
        Assert.Contains("x[0] = missing;", trials[0].Message, StringComparison.Ordinal);
        Assert.Equal(KernelOutcome.Completed, trials[1].Outcome);
    }

    [Fact]
    public void Try_ImpossibleLaunch_OnlyThatCandidateFails()
    {
        var trials = Bench().Try(Task(run => run.Source.EntryPoints[0] == "scale" ? 2000 : 128), Source("scale"),
            Source("scale_fast"));
        Assert.Equal((KernelOutcome.LaunchFailed, KernelOutcome.Completed), (trials[0].Outcome, trials[1].Outcome));
        Assert.Contains("1 to 1024 threads", trials[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Try_OutOfMemory_IsItsOwnOutcome()
    {
        _cuda.Set("total_memory", 1000);
        Assert.Equal(KernelOutcome.OutOfMemory, Assert.Single(Bench().Try(Task(), Source("scale"))).Outcome);
    }

    [Fact]
    public void Try_CandidateCrashes_TheRestIsLostWithTheDevice()
    {
        _cuda.Set("launch_fault_at", 2);
        var trials = Bench().Try(Task(), Source("scale"), Source("scale_fast"), Source("scale"));
        Assert.Equal([KernelOutcome.DeviceLost, KernelOutcome.DeviceLost, KernelOutcome.DeviceLost],
            trials.Select(trial => trial.Outcome));
        Assert.Contains("scale_fast", trials[1].Message, StringComparison.Ordinal);
        Assert.All(trials, trial => Assert.Empty(trial.Samples));
    }

    [Fact]
    public void Try_ColdCache_LaunchesOncePerSample()
    {
        var bench = new KernelBench(_device, null, new() { WarmUps = 0, Rounds = 3, ColdCache = true });
        var before = _cuda.Get("launches");
        Assert.Equal(3, Assert.Single(bench.Try(Task(), Source("scale"))).Samples.Count);
        Assert.Equal(4, _cuda.Get("launches") - before);
    }

    [Fact]
    public void Try_TaskWithoutOutput_Throws() => Assert.Throws<ArgumentException>(() => Bench().Try(new KernelTask
    {
        Name = "nothing",
        Buffers = [KernelTaskBuffer.Input("x", _values)],
        Launch = _ => { },
        Reference = _ => { },
    }));

    private KernelBench Bench() => new(_device, null, new() { WarmUps = 1, Rounds = 7 });

    private KernelTask Task(Func<KernelInvocation, int>? threads = null) => new()
    {
        Name = "scale",
        Buffers = [KernelTaskBuffer.InOut("x", _values)],
        Launch = run => run.Kernel.Launch(run.Stream, new(10, threads?.Invoke(run) ?? 128), run.Buffer("x"), 3f, Count),
        Reference = buffers => Scale(buffers[0], 3),
        Flops = 2 * Count,
    };

    private static KernelSource Source(string name) => new(string.Create(CultureInfo.InvariantCulture, $$"""
        extern "C" __global__ void {{name}}(float* x, float factor, int n)
        {
            int i = blockIdx.x * blockDim.x + threadIdx.x;
            if (i < n) x[i] *= factor;
        }
        """), name);

    private static void Scale(float[] values, float factor)
    {
        for (var i = 0; i < values.Length; i++) values[i] *= factor;
    }
}
