using AutoResearch.Benchmarks.Cpu;

namespace AutoResearch.Pretraining.Tests.Benchmarks;

public sealed class CpuCasesTests
{
    [Fact]
    public void All_Full_HasTheCasesAndGoalsThatAreWanted()
    {
        var goals = CpuCases.All(quick: false).SelectMany(c => c.Comparisons.Select(p => (c.Name, p.Goal)))
            .Where(g => g.Goal is not null).ToList();
        void Has(string part, double goal, int count) =>
            Assert.Equal(count, goals.Count(g => g.Name.Contains(part, StringComparison.Ordinal) && g.Goal == goal));
        Has("1 thread, AVX2 only", 0.88, 3);
        Has("1 thread", 0.85, 3);
        Has("2 threads", 1.85, 2);
        Has("attention forward", 0.65, 8);
        Has("attention backward", 0.5, 8);
        Has("training step, depth 4", 0.45, 1);
        Has("training step, depth 8", 0.55, 1);
        Has("training step", 3, 2);
        Has("two trainers", 1.8, 1);
    }

    [Fact]
    public void All_Names_AreDistinct()
    {
        var names = CpuCases.All(quick: false).Select(c => c.Name).ToList();
        Assert.Equal(names.Count, names.Distinct().Count());
    }

    [Fact]
    public void All_Quick_IsAPartOfAll()
    {
        var (quick, full) = (CpuCases.All(quick: true).ToList(), CpuCases.All(quick: false).Select(c => c.Name).ToHashSet());
        Assert.Subset(full, quick.Select(c => c.Name).ToHashSet());
        Assert.True(quick.Count < full.Count);
    }

    [Fact]
    public void MuonFlops_OneLayer_CountsTheProductsThatAreExecuted()
    {
        // 8 channels: four 8 × 8 matrices with two half products and a whole one an iteration; 32 × 8 twice, with one half
        // product for the 8 × 8 Gram matrix, 17 half products of it (G² five times, the product of factors four times, B·B·G four
        // times) and a whole product at the end.
        var shape = new TrainingShape(1, 8, 1, 4, 1, 16);
        var cube = 2 * Math.Pow(8, 3);
        var square = 5 * ((0.5 * cube) + (0.5 * cube) + cube);
        var wide = (0.5 * 4 * cube) + (17 * 0.5 * cube) + (4 * cube);
        Assert.Equal((4 * square) + (2 * wide), shape.MuonFlops);
    }
}
