// The loop tunes the library it is made of: block sizes of the CPU kernels, judged by paired timings, saved for this machine.
using AutoResearch;
using AutoResearch.Kernels;
using AutoResearch.Samples;
using AutoResearch.Samples.TuneKernels;

if (!CommandLine.TryRead(args, Options.Parse, Options.Help, out var options, out var exitCode)) return exitCode;
using var stop = CommandLine.StopOnControlC();

try
{
    var space = new TuningSpace();
    var setup = new DuelSetup { Threads = options.Threads };
    Console.WriteLine($"{CpuTuningFile.Machine}; {options.Threads} threads; defaults {space.Defaults}");
    if (options.DryRun)
    {
        Console.WriteLine("The defaults against themselves: the interval shows what this machine's noise leaves to be seen.");
        new FinalComparison(space.Defaults, space.Defaults, setup).Run(FinalComparison.DryRounds, stop.Token).Print();
        return 0;
    }

    var problem = new ResearchProblem("tune-kernels")
    {
        Objective = Objective.Minimize(TuningRunner.Metric),
        Instructions = "Make the CPU kernels faster by tile and block sizes; 1 is the time of the defaults in the same rounds.",
        Baseline = space.Baseline,
        SearchSpace = space.Space,
    };
    await using var loop = ResearchLoop.Create(problem)
        .ProposeWith(new TpeProposer(new() { StartupTrials = 8, MaxChanges = 3 }))
        .RunWith(new TuningRunner(space, setup))
        .AcceptWith(new AdaptiveRatchet())
        .RecordTo(options.Out)
        .WithSeed(options.Seed)
        .Configure(o => o.MaxTime = TimeSpan.FromMinutes(options.Minutes))
        .Build();
    try
    {
        await foreach (var e in loop.RunAsync(cancellationToken: stop.Token))
            if (Line(e, loop.History) is { } line) Console.WriteLine(line);
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        Console.WriteLine("Stopped; the best so far is still compared.");
    }

    await ResultsTsv.Of(loop.History).WriteAsync(options.Out);
    await new ResearchReport(loop.History).WriteAsync(options.Out);
    var winner = space.ToTuning(loop.History.State.Incumbent.Candidate.Parameters);
    Console.WriteLine(new ResearchReport(loop.History).Headline);
    Console.WriteLine($"report: {Path.GetFullPath(Path.Combine(options.Out, "report.html"))}");
    return Finish(space, winner, setup);
}
catch (Exception e) when (e is ArgumentException or InvalidOperationException or IOException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

// The search chose the winner for its luck as well, so what it gained is measured afresh; only a sure gain is saved.
static int Finish(TuningSpace space, CpuTuning winner, DuelSetup setup)
{
    if (winner == space.Defaults)
    {
        Console.WriteLine("No improvement found: the defaults stay.");
        return 0;
    }

    Console.WriteLine($"Fresh comparison of {winner} with the defaults:");
    var comparison = new FinalComparison(winner, space.Defaults, setup).Run(FinalComparison.Rounds);
    comparison.Print();
    Console.WriteLine(comparison.IsFaster
        ? $"Saved to {CpuTuningFile.Save(winner)}; the library uses it from now on."
        : "No sure improvement: nothing is saved, the defaults stay.");
    return 0;
}

static string? Line(ResearchEvent e, ResearchHistory history) => e switch
{
    TrialJudged { Verdict.IsFinal: true } judged =>
        $"#{judged.Trial} {history.Trials[judged.Trial - 1].Hypothesis.Title}: "
        + $"{judged.Verdict.GetType().Name.ToLowerInvariant()}, {judged.Verdict.Reason}",
    LoopStopped stopped => $"stopped: {stopped.Message}",
    _ => null,
};
