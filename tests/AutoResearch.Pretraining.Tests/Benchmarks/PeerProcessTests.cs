using AutoResearch.Benchmarks.Cpu;

namespace AutoResearch.Pretraining.Tests.Benchmarks;

public sealed class PeerProcessTests
{
    [Fact]
    public async Task StartAsync_NoSuchProgram_IsMissing() =>
        Assert.Null(await PeerProcess.StartAsync("no-such-program-here", []));

    [Fact]
    public async Task StartAsync_EndsWithoutGreeting_IsMissing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs sh");
        Assert.Null(await PeerProcess.StartAsync("sh", ["-c", "echo torch is not installed >&2; exit 1"]));
    }

    [Fact]
    public async Task MeasureAsync_Answers_AreReadInOrder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs sh");
        using var peer = await PeerProcess.StartAsync("sh", ["-c", "echo peer 1.0; while read name a b; "
            + "do case $name in gemm) echo 0.5e-3;; end) exit;; *) echo unsupported;; esac; done"]);
        Assert.NotNull(peer);
        Assert.Equal("peer 1.0", peer.Name);
        Assert.Equal(0.0005, await peer.MeasureAsync("gemm 1", 0.1));
        Assert.Null(await peer.MeasureAsync("sort 1", 0.1));
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => peer.MeasureAsync("end 1", 0.1));
        Assert.Contains("it has ended", error.Message, StringComparison.Ordinal);
    }
}
