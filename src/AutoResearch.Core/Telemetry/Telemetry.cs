using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace AutoResearch;

/// <summary>
/// Traces and metrics, source and meter both named "AutoResearch". Spans: <c>autoresearch.loop</c> holds
/// <c>autoresearch.proposal</c> and <c>autoresearch.experiment</c>. The instruments are below.
/// </summary>
internal static class Telemetry
{
    public const string Name = "AutoResearch";

    private static readonly string? s_version = typeof(Telemetry).Assembly.GetName().Version?.ToString(3);
    private static readonly ActivitySource s_source = new(Name, s_version);
    private static readonly Meter s_meter = new(Name, s_version);

    private static readonly Counter<long> s_experiments = s_meter.CreateCounter<long>(
        "autoresearch.experiments", "{experiment}", "Attempts at experiments that ended, by outcome and purpose.");

    private static readonly Histogram<double> s_duration = s_meter.CreateHistogram<double>(
        "autoresearch.experiment.duration", "s", "Wall time of an experiment, by outcome and purpose.");

    private static readonly Counter<long> s_trials = s_meter.CreateCounter<long>(
        "autoresearch.trials", "{trial}", "Trials that ended, by verdict and proposer.");

    /// <summary>The library's version, as journals record it.</summary>
    public static string Version => s_version ?? "";

    public static Activity? StartLoop(ResearchProblem problem)
    {
        var activity = s_source.StartActivity("autoresearch.loop");
        if (activity is not { IsAllDataRequested: true }) return activity;
        activity.SetTag("autoresearch.problem", problem.Name);
        activity.SetTag("autoresearch.metric", problem.Objective.Metric);
        return activity;
    }

    public static Activity? StartProposal(Activity? loop, int trial)
    {
        var activity = s_source.StartActivity("autoresearch.proposal", ActivityKind.Internal, loop?.Context ?? default);
        if (activity is { IsAllDataRequested: true }) activity.SetTag("autoresearch.trial", trial);
        return activity;
    }

    public static Activity? StartExperiment(Activity? loop, Experiment experiment)
    {
        var activity = s_source.StartActivity("autoresearch.experiment", ActivityKind.Internal, loop?.Context ?? default);
        if (activity is not { IsAllDataRequested: true }) return activity;
        activity.SetTag("autoresearch.experiment.id", experiment.Id);
        activity.SetTag("autoresearch.experiment.purpose", experiment.Purpose.ToString());
        activity.SetTag("autoresearch.experiment.attempt", experiment.Attempt);
        activity.SetTag("autoresearch.trial", experiment.Trial);
        activity.SetTag("autoresearch.candidate", experiment.Candidate.Id);
        return activity;
    }

    public static void EndExperiment(Activity? activity, Experiment experiment, RunResult result)
    {
        if (s_experiments.Enabled || s_duration.Enabled)
        {
            var tags = new TagList { { "outcome", result.Outcome.ToString() }, { "purpose", experiment.Purpose.ToString() } };
            s_experiments.Add(1, tags);
            s_duration.Record(result.Usage.WallTime.TotalSeconds, tags);
        }
        if (activity is null) return;
        activity.SetTag("autoresearch.experiment.outcome", result.Outcome.ToString());
        if (result.Outcome != RunOutcome.Completed) activity.SetStatus(ActivityStatusCode.Error, result.Message);
        activity.Dispose();
    }

    public static void CountTrial(Trial trial, Verdict verdict)
    {
        if (s_trials.Enabled)
            s_trials.Add(1, new TagList { { "verdict", verdict.GetType().Name }, { "proposer", trial.Hypothesis.Proposer } });
    }
}
