// The main job: a research loop that improves a GPT on real text, from a clean clone, without a GPU, a key or a download.
using AutoResearch;
using AutoResearch.Kernels;
using AutoResearch.Pretraining;
using AutoResearch.Samples;
using AutoResearch.Samples.Quickstart;

if (!CommandLine.TryRead(args, Options.Parse, Options.Help, out var options, out var exitCode)) return exitCode;
using var stop = CommandLine.StopOnControlC();

try
{
    Console.WriteLine("Preparing the text …");
    var corpus = options.Data is null ? Corpus.FromSdkDocumentation() : Corpus.FromDirectory(options.Data);
    Console.WriteLine(corpus.Report);

    using var backend = new CpuBackend(new() { Threads = options.Threads });
    using var runner = new GptExperimentRunner(new PretrainingData(corpus, cache: DataCache.Default), backend: backend);
    options.Save();
    await WarmUpAsync(runner);
    await using var loop = ResearchLoop.Create(GptProblem.Create(options.Budget))
        .ProposeWith(new TpeProposer(new() { StartupTrials = 4, MaxChanges = 3 })) // few trials: stay near the incumbent
        .RunWith(runner)
        .AcceptWith(new AdaptiveRatchet())
        .RecordTo(options.Out)
        .WithSeed(options.Seed)
        .Configure(o =>
        {
            o.MaxTrials = options.Experiments;
            o.ClaimRounds = 0; // five minutes are for the search; the final runs measure the total gain
            o.MaxTime = options.Minutes > 0 ? TimeSpan.FromMinutes(options.Minutes.Value) : null;
        })
        .Build();

    using (IView view = Console.IsOutputRedirected ? new PlainView() : new LiveView())
    {
        try
        {
            await foreach (var e in options.Resume
                ? loop.ResumeAsync(cancellationToken: stop.Token)
                : loop.RunAsync(cancellationToken: stop.Token))
            {
                view.Show(e, loop.History);
                if (e is TrialJudged { Verdict.IsFinal: true }) await WriteReportsAsync(loop.History, options.Out);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    await WriteReportsAsync(loop.History, options.Out);
    Console.WriteLine();
    Console.WriteLine(new ResearchReport(loop.History).Headline);
    Console.WriteLine($"baseline: {loop.History.Problem.Baseline.Parameters}");
    Console.WriteLine($"final:    {loop.History.State.Incumbent.Candidate.Parameters}");
    Console.WriteLine($"report:   {Path.GetFullPath(Path.Combine(options.Out, "report.html"))}");
    if (stop.IsCancellationRequested) Console.WriteLine($"go on:    --resume {options.Out}");
    return loop.History.Stop?.Reason == StopReason.Failed ? 1 : 0;
}
catch (Exception e) when (e is CorpusException or ArgumentException or InvalidOperationException or IOException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

// The first seconds of a process are slower, while the compiler is still at work; that must not count against the baseline.
static async Task WarmUpAsync(GptExperimentRunner runner)
{
    Console.WriteLine("Warming up …");
    var problem = GptProblem.Create(TimeSpan.FromSeconds(3));
    await runner.RunAsync(new Experiment { Id = "warm-up", Candidate = problem.Baseline, Seed = 0, Budget = problem.Budget });
}

static async Task WriteReportsAsync(ResearchHistory history, string directory)
{
    await ResultsTsv.Of(history).WriteAsync(directory);
    await new ResearchReport(history).WriteAsync(directory);
}
