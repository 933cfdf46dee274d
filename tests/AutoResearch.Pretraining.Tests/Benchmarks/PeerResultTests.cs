using System.Text.Json;
using AutoResearch.Benchmarks;

namespace AutoResearch.Pretraining.Tests.Benchmarks;

public sealed class PeerResultTests
{
    [Fact]
    public void ToJson_ComparedAndMissing_HasMachineDateAndTheFieldsOfEach()
    {
        PeerResult[] results =
        [
            new("GEMM", 150, "GFLOP/s", "OpenBLAS", 50, 3) { LowRatio = 2.9, HighRatio = 3.2, Rounds = 9, Goal = 2 },
            new("GEMM", 150, "GFLOP/s", "PyTorch is missing", null, null),
        ];
        using var json = JsonDocument.Parse(PeerResult.ToJson(results, new(2026, 11, 21, 23, 0, 0, TimeSpan.Zero)));
        var root = json.RootElement;
        Assert.Equal("2026-11-21", root.GetProperty("date").GetString());
        Assert.Contains("processors", root.GetProperty("machine").GetString(), StringComparison.Ordinal);
        var rows = root.GetProperty("results");
        foreach (var row in rows.EnumerateArray())
            foreach (var field in (string[])["case", "value", "unit", "peer", "peerValue", "ratio"])
                Assert.True(row.TryGetProperty(field, out _), field);
        Assert.Equal(3, rows[0].GetProperty("ratio").GetDouble());
        Assert.Equal(JsonValueKind.Null, rows[1].GetProperty("ratio").ValueKind);
        Assert.False(rows[1].TryGetProperty("goal", out _));
    }

    [Theory]
    [InlineData(3, "met")]
    [InlineData(1.9, "missed")]
    public void ToString_Goal_SaysWhetherItIsMet(double ratio, string word) =>
        Assert.Contains($"goal 2 {word}", new PeerResult("GEMM", 150, "GFLOP/s", "peer", 50, ratio) { Goal = 2 }.ToString(),
            StringComparison.Ordinal);

    [Fact]
    public void ToString_PeerMissing_ClaimsNothing()
    {
        var text = new PeerResult("GEMM", 150, "GFLOP/s", "PyTorch is missing", null, null) { Goal = 2 }.ToString();
        Assert.DoesNotContain("met", text, StringComparison.Ordinal);
        Assert.Contains("PyTorch is missing", text, StringComparison.Ordinal);
    }
}
