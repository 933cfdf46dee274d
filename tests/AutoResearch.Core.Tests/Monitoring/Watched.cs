namespace AutoResearch.Tests;

/// <summary>Runs and curves for tests of monitors.</summary>
internal static class Watched
{
    public static Experiment Experiment(
        string id = "e0009", string candidate = "new", Budget? budget = null, RunPurpose purpose = RunPurpose.Screen) =>
        new()
        {
            Id = id, Candidate = Candidate.Of(("name", candidate)), Seed = 1, Budget = budget ?? Budget.Unlimited,
            Purpose = purpose, Trial = 1,
        };

    public static MonitoredRun Run(IEnumerable<Run>? incumbent = null, IEnumerable<Run>? earlier = null, Budget? budget = null) =>
        new(Experiment(budget: budget), Objective.Minimize("val_bpb"))
        {
            Incumbent = [.. incumbent ?? []],
            Earlier = [.. earlier ?? []],
        };

    /// <summary>A finished run whose training loss follows a function of the budget's share.</summary>
    public static Run Past(string id, string candidate, Func<double, double> loss, double until = 1) =>
        new(Experiment(id, candidate), new RunResult
        {
            Outcome = until < 1 ? RunOutcome.Stopped : RunOutcome.Completed,
            Curve = [.. Losses(loss, until)],
        });

    public static IEnumerable<Measurement> Losses(Func<double, double> loss, double until = 1, int points = 50) =>
        Enumerable.Range(1, points).Select(i => i / (double)points).Where(at => at <= until)
            .Select(at => new Measurement("train_loss", loss(at), (long)(1000 * at), TimeSpan.FromSeconds(60 * at), at));

    /// <summary>The first signal, and the measurement that gave it.</summary>
    public static (MonitorSignal Signal, Measurement At)? First(
        IRunMonitor monitor, MonitoredRun run, IEnumerable<Measurement> measurements)
    {
        if (monitor.Watch(run) is not { } watch) return null;
        foreach (var m in measurements)
        {
            if (watch(m) is { } signal) return (signal, m);
        }
        return null;
    }

    /// <summary>A learning curve, falling from 10 to 3.</summary>
    public static double Usual(double at) => 3 + (7 * Math.Exp(-4 * at));
}
