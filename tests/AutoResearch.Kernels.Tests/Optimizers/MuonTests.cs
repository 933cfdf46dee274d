namespace AutoResearch.Kernels.Tests;

public sealed class MuonTests
{
    [Theory]
    [InlineData(6, 6)]
    [InlineData(40, 17)]
    [InlineData(17, 40)]
    [InlineData(1, 12)]
    public void Step_AnyShape_CpuAgreesWithReference(int rows, int columns)
    {
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(new() { Threads = 2 });
        GradientCase.Near(Train(reference, rows, columns), Train(cpu, rows, columns), 2e-3, "parameters");
    }

    [Theory]
    [InlineData(24, 24)]
    [InlineData(48, 16)]
    [InlineData(16, 48)]
    public void Step_FirstUpdate_IsNearlyOrthogonal(int rows, int columns)
    {
        using var backend = new CpuBackend(new() { Threads = 1 });
        using var p = backend.Parameter((rows, columns));
        ParameterInitializer.Normal(p.Grad!, 1, 3, 0);
        using var muon = new Muon(backend, new() { LearningRate = 1 }, p);
        muon.Step();
        var factor = MathF.Sqrt(Math.Max(1f, (float)rows / columns));
        var squares = p.ToArray().Sum(v => (double)v * v) / (factor * factor);
        Assert.InRange(squares / Math.Min(rows, columns), 0.75, 1.25);
        Assert.All(p.Grad!.ToArray(), g => Assert.Equal(0, g));
    }

    [Fact]
    public void Constructor_Vector_IsRejectedByName()
    {
        using var backend = new ReferenceBackend();
        using var p = backend.Parameter(4, "lambdas");
        Assert.Contains("lambdas", Assert.Throws<ArgumentException>(() => new Muon(backend, new(), p)).Message,
            StringComparison.Ordinal);
    }

    private static float[] Train(Backend backend, int rows, int columns)
    {
        using var a = backend.Parameter((rows, columns));
        using var b = backend.Parameter((rows, columns));
        ParameterInitializer.Normal(a, 0.5f, 1, 0);
        ParameterInitializer.Normal(b, 0.5f, 1, 1);
        using var muon = new Muon(backend, new() { WeightDecay = 0.5f, LearningRate = 0.1f }, a, b);
        for (var step = 0; step < 3; step++)
        {
            ParameterInitializer.Normal(a.Grad!, 1, 2, (ulong)step);
            ParameterInitializer.Normal(b.Grad!, 1, 3, (ulong)step);
            muon.Step();
        }

        return [.. a.ToArray(), .. b.ToArray()];
    }
}
