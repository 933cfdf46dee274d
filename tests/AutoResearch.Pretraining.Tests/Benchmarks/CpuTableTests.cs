using AutoResearch.Benchmarks.Cpu;

namespace AutoResearch.Pretraining.Tests.Benchmarks;

public sealed class CpuTableTests
{
    [Fact]
    public void Of_PeersOfACase_StandInOneRow()
    {
        var table = CpuTable.Of(
        [
            new("loss", 3.25, "nats", "PyTorch 1.13", 3.25, null),
            new("GEMM", 150.4, "GFLOP/s", "FMA peak of the same rounds", 200, 0.7523)
            {
                LowRatio = 0.741,
                HighRatio = 0.764,
                Rounds = 9,
                Goal = 0.85,
            },
            new("GEMM", 150.4, "GFLOP/s", "PyTorch 1.13", 50, 3.01) { LowRatio = 2.94, HighRatio = 3.2, Rounds = 9, Goal = 3 },
            new("GEMM", 150.4, "GFLOP/s", "plain C loops", 12, 12.53) { LowRatio = 12.5, HighRatio = 12.5, Rounds = 1 },
            new("step", 150.4, "tokens/s", "PyTorch is missing", null, null),
        ]);
        var lines = table.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal("| GEMM | 150.4 GFLOP/s | 75 % (74 % … 76 %) | 3.01 (2.94 … 3.2) | 12.5 |  | ≥ 85 % **missed**, ≥ 3 × met |",
            lines[2]);
        Assert.All(lines, line => Assert.Equal(lines[0].Count(c => c == '|'), line.Count(c => c == '|')));
    }
}
