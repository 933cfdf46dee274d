using System.Globalization;

namespace AutoResearch.Samples.AutonomousGpt;

/// <summary>Prints a line for every run and a few for every verdict.</summary>
internal sealed class View(Objective objective)
{
    private readonly Dictionary<string, Experiment> _running = [];

    public void Show(ResearchEvent e, ResearchHistory history)
    {
        switch (e)
        {
            case LoopResumed resumed:
                Write($"resumed: {history.ExperimentsFinished} experiments are done, {resumed.Interrupted.Count} start again");
                break;
            case HypothesisProposed proposed:
                Write($"\n#{proposed.Trial} {proposed.Hypothesis.Title}  [{proposed.Hypothesis.Proposer}]");
                if (proposed.Hypothesis.Rationale.Length > 0) Write($"   {proposed.Hypothesis.Rationale}");
                break;
            case ExperimentStarted started:
                _running[started.Experiment.Id] = started.Experiment;
                break;
            case ExperimentFinished finished when _running.Remove(finished.ExperimentId, out var experiment):
                Write($"   {finished.ExperimentId} {experiment.Purpose,-8} {Words(finished.Result)}");
                break;
            case TrialJudged { Verdict.IsFinal: true } judged:
                Write($"   => {Words(judged.Verdict)}: {judged.Verdict.Reason}");
                break;
            case LoopStopped stopped:
                Write($"\nstopped: {stopped.Message}");
                break;
        }
    }

    private string Words(RunResult result) => result.Score(objective) is { } score
        ? string.Create(CultureInfo.InvariantCulture,
            $"{objective.Metric} {score:F4}, {result.Metrics.GetValueOrDefault("num_steps"):F0} steps in "
            + $"{result.Metrics.GetValueOrDefault("training_seconds"):F1} s, {result.Usage.WallTime.TotalSeconds:F1} s in all")
        : $"{result.Outcome}: {result.Message}";

    private static string Words(Verdict verdict) => verdict switch
    {
        Accept => "KEEP",
        Reject => "discard",
        Indecisive => "undecided",
        _ => "more runs",
    };

    private static void Write(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
