namespace AutoResearch.Pretraining.Tests.Samples;

/// <summary>autoresearch's workflow, unchanged: a training program is started, and its summary is read.</summary>
public sealed class TrainGptTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("train-gpt-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task ProcessRunner_TrainGpt_ReadsTheSummary()
    {
        var random = new Random(1);
        string[] words = ["the", "loop", "keeps", "what", "is", "better", "and", "discards", "noise"];
        for (var file = 0; file < 40; file++)
            await File.WriteAllTextAsync(Path.Combine(_directory, $"{file}.txt"),
                string.Join(' ', Enumerable.Range(0, 300).Select(_ => words[random.Next(words.Length)])),
                TestContext.Current.CancellationToken);
        // artifacts/bin/<project>/<configuration> of this test and of the sample lie side by side.
        var program = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)
            .Replace("AutoResearch.Pretraining.Tests", "TrainGpt", StringComparison.Ordinal);
        var options = new ProcessRunnerOptions
        {
            RequiredMetric = "val_bpb",
            Environment =
                { ["AUTORESEARCH_CACHE"] = Path.Combine(_directory, "cache") },
        };
        await using var runner = new ProcessRunner(["dotnet", Path.Combine(program, "TrainGpt.dll"), "--data", _directory,
            "--steps", "{steps}", "--depth", "{depth}", "--dim", "32", "--head-dim", "16", "--seq", "32", "--batch", "2",
            "--vocab", "300", "--val-bytes", "2000", "--seed", "{seed}", "--threads", "1"], options);
        var experiment =
            new Experiment { Id = "e1", Candidate = Candidate.Of(("depth", 2)), Seed = 5, Budget = Budget.OfSteps(3) };

        var result = await runner.RunAsync(experiment, null, TestContext.Current.CancellationToken);

        Assert.True(result.Outcome == RunOutcome.Completed, $"{result.Outcome}: {result.Message}\n{result.LogTail}");
        Assert.InRange(result.Metrics["val_bpb"], 0.1, 9);
        Assert.Equal(3, result.Usage.Steps);
        Assert.Equal(2, result.Metrics["depth"]);
        Assert.True(result.Metrics["tokens_per_second"] > 0);
        Assert.InRange(result.Metrics["mfu_percent"], 0.001, 100);

        var wrong = await runner.RunAsync(experiment with { Candidate = Candidate.Of(("depth", "two")) }, null,
            TestContext.Current.CancellationToken);
        Assert.Equal(RunOutcome.Crashed, wrong.Outcome);
        Assert.Contains("depth", wrong.LogTail, StringComparison.Ordinal);
    }
}
