using AutoResearch.Benchmarks.Cpu;

namespace AutoResearch.Pretraining.Tests.Benchmarks;

public sealed class CpuPeersOptionsTests
{
    [Fact]
    public void Parse_Nothing_RunsAndPublishesEverything()
    {
        var options = CpuPeersOptions.Parse([])!;
        Assert.True(options is { Quick: false, Check: true, Publishes: true, Rounds: null, Out: "cpu.json" });
    }

    [Theory]
    [InlineData("--quick")]
    [InlineData("--only", "GEMM")]
    public void Parse_PartOfTheCases_DoesNotReplaceTheRecordedTable(params string[] args) =>
        Assert.False(CpuPeersOptions.Parse(args)!.Publishes);

    [Fact]
    public void Parse_All_AreTaken()
    {
        var options =
            CpuPeersOptions.Parse(["--rounds", "5", "--no-check", "--table", "--out", "x.json", "--only", "attention"])!;
        Assert.True(options is { Rounds: 5, Check: false, Table: true, Out: "x.json", Only: "attention" });
        Assert.Null(CpuPeersOptions.Parse(["--help"]));
    }

    [Theory]
    [InlineData("--rounds", "none")]
    [InlineData("--rounds", "0")]
    [InlineData("--rounds")]
    [InlineData("--fast")]
    public void Parse_Impossible_NamesTheArgument(params string[] args) =>
        Assert.Contains(args[0], Assert.Throws<ArgumentException>(() => CpuPeersOptions.Parse(args)).Message,
            StringComparison.Ordinal);
}
