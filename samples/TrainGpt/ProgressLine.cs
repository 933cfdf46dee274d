using AutoResearch.Pretraining;

namespace TrainGpt;

/// <summary>One line per step: rewritten in place on a terminal, plain and at most one a second when piped.</summary>
internal sealed class ProgressLine : IProgress<TrainingProgress>
{
    private double _printed = double.NegativeInfinity;

    public void Report(TrainingProgress p)
    {
        var terminal = !Console.IsOutputRedirected;
        if (!terminal && p.Elapsed.TotalSeconds - _printed < 1 && p.Progress < 1) return;
        _printed = p.Elapsed.TotalSeconds;
        var line = FormattableString.Invariant(
            $"step {p.Step:00000} ({100 * p.Progress:F1}%) | loss: {p.SmoothLoss:F4} | lrm: {p.LearningRate:F2} | ")
            + FormattableString.Invariant(
                $"tok/sec: {p.TokensPerSecond:F0} | epoch: {p.Epoch} | time: {p.Elapsed.TotalSeconds:F1}s");
        if (terminal) Console.Write($"\r{line}   ");
        else Console.WriteLine(line);
    }
}
