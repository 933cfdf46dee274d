using AutoResearch.Kernels;
using AutoResearch.Tests;

namespace AutoResearch.Pretraining.Tests;

public sealed class GptOptimizerTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1e9, 1)]
    [InlineData(0.25, 0.25)]
    public void Step_GradientClip_ScalesAllGradientsTogether(double clip, double share)
    {
        using var backend = new CpuBackend(new() { Threads = 2 });
        using var model = new GptModel(backend, Tiny.Config, 1);
        var norm = Fill(model);
        using var optimizer = new GptOptimizer(model, Tiny.Training with { GradientClip = clip < 1 ? clip * norm : clip });
        optimizer.Step(rate: 0, momentum: 0.5, weightDecay: 0);

        // The head's gradient, one of many, is seen in the first moment of a first step: (1 − β₁) · g.
        var moment = optimizer.State.Single(s => s.Name == model.Head.Name + ".exp_avg").Tensor.ToArray();
        var beta1 = (float)Tiny.Training.AdamBeta1;
        Assert.All(moment, m => Assert.Equal(0.5 * share * (1 - beta1), m, 1e-4));
        Assert.All(model.Parameters, p => Assert.All(p.Grad!.ToArray(), g => Assert.Equal(0, g)));
    }

    [Fact]
    public void Step_NotANumber_IsNotHiddenByTheClip()
    {
        using var backend = new CpuBackend(new() { Threads = 1 });
        using var model = new GptModel(backend, Tiny.Config, 1);
        Fill(model);
        model.Head.Grad!.Fill(float.NaN);
        using var optimizer = new GptOptimizer(model, Tiny.Training with { GradientClip = 1 });
        optimizer.Step(1, 0.5, 0);
        Assert.All(model.Head.ToArray(), w => Assert.True(float.IsNaN(w)));
    }

    [Fact]
    public void Step_Warm_AllocatesNothing()
    {
        using var backend = new CpuBackend(new() { Threads = 2 });
        using var model = new GptModel(backend, Tiny.Config, 1);
        using var optimizer = new GptOptimizer(model, Tiny.Training with { GradientClip = 0.1 });
        Tensor[] gradients = [.. model.Parameters.Select(p => p.Grad!)];
        Allocations.None(() =>
        {
            foreach (var gradient in gradients) gradient.Fill(0.5f);
            optimizer.Step(1, 0.5, 0.1);
        });
    }

    private static double Fill(GptModel model)
    {
        long count = 0;
        foreach (var parameter in model.Parameters)
        {
            parameter.Grad!.Fill(0.5f);
            count += parameter.ElementCount;
        }

        return 0.5 * Math.Sqrt(count);
    }
}
