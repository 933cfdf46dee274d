namespace AutoResearch.Kernels.Tests;

public sealed class AdamWTests
{
    [Fact]
    public void Step_First_MovesByTheLearningRateAgainstTheGradient()
    {
        using var backend = new CpuBackend(new() { Threads = 1 });
        using var p = backend.Parameter(20);
        p.Fill(1);
        p.Grad!.Fill(-3);
        using var adam = new AdamW(backend);
        adam.Add(new() { LearningRate = 0.1f, WeightDecay = 0.5f }, p);
        adam.Step();
        Assert.All(p.ToArray(), v => Assert.Equal((1 * (1 - 0.05f)) + 0.1f, v, 1e-5f));
        Assert.All(p.Grad!.ToArray(), g => Assert.Equal(0, g));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(37)]
    [InlineData(100_001)]
    public void Step_AnyLength_CpuAgreesWithReference(int length)
    {
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(new() { Threads = 2 });
        GradientCase.Near(Train(reference, length), Train(cpu, length), 1e-5, "parameters");
    }

    [Fact]
    public void GradientNorm_NotFinite_IsNotFinite()
    {
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(new() { Threads = 2 });
        foreach (var backend in new Backend[] { reference, cpu })
        {
            using var p = backend.Parameter(33);
            p.Grad!.Fill(2);
            Assert.Equal(Math.Sqrt(4 * 33), backend.GradientNorm([p]), 1e-9);
            p.Grad.Fill(1e30f);
            Assert.True(double.IsFinite(backend.GradientNorm([p])));
            p.Grad.Fill(float.NaN);
            Assert.False(double.IsFinite(backend.GradientNorm([p])));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(37)]
    [InlineData(100_001)]
    public void ScaleAndGradientNorm_AnyLength_CpuAgreesWithReference(int length)
    {
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(new() { Threads = 2 });
        var (expected, expectedNorm) = ScaledNorm(reference);
        var (actual, actualNorm) = ScaledNorm(cpu);
        Assert.Equal(expected, actual);
        Assert.Equal(expectedNorm, actualNorm, expectedNorm * 1e-9);

        (float[], double) ScaledNorm(Backend backend)
        {
            using var p = backend.Parameter(length);
            using var q = backend.Parameter(3);
            ParameterInitializer.Normal(p.Grad!, 1, 2, 1);
            q.Grad!.Fill(2);
            backend.Scale(p.Grad!, 0.3f);
            return (p.Grad!.ToArray(), backend.GradientNorm([p, q]));
        }
    }

    private static float[] Train(Backend backend, int length)
    {
        using var p = backend.Parameter(length);
        ParameterInitializer.Normal(p, 1, 1, 0);
        using var adam = new AdamW(backend);
        adam.Add(new() { LearningRate = 0.01f, WeightDecay = 0.1f }, p);
        for (var step = 0; step < 3; step++)
        {
            ParameterInitializer.Normal(p.Grad!, 1, 2, (ulong)step);
            adam.Step();
        }

        return p.ToArray();
    }
}
