using System.Globalization;

namespace AutoResearch.Samples.Quickstart;

/// <summary>One line per experiment and verdict, for pipes and logs.</summary>
internal sealed class PlainView : IView
{
    private readonly Dictionary<string, Experiment> _experiments = [];

    public void Show(ResearchEvent e, ResearchHistory history)
    {
        switch (e)
        {
            case LoopResumed resumed:
                Write($"resumed: {history.ExperimentsFinished} experiments are done, {resumed.Interrupted.Count} start again");
                break;
            case ExperimentStarted started: _experiments[started.Experiment.Id] = started.Experiment; break;
            case ExperimentFinished finished when _experiments.Remove(finished.ExperimentId, out var experiment):
                var score = Words.Score(finished.Result, history.Problem.Objective);
                Write($"{finished.ExperimentId} {Words.Of(experiment.Purpose),-12} {score}");
                break;
            case HypothesisProposed proposed: Write($"#{proposed.Trial} {proposed.Hypothesis.Title}"); break;
            case TrialJudged { Verdict: NeedMore }: break;
            case TrialJudged judged: Write($"#{judged.Trial} {Words.Of(judged.Verdict)}: {judged.Verdict.Reason}"); break;
            case LoopStopped stopped: Write($"stopped: {stopped.Message}"); break;
        }
    }

    public void Dispose()
    {
    }

    private static void Write(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
