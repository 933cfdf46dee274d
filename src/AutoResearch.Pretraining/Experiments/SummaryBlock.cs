namespace AutoResearch.Pretraining;

/// <summary>The lines that a run closes with, in autoresearch's format, so that tools which read its log read this one.</summary>
public static class SummaryBlock
{
    /// <summary>The block for a completed run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="depth">Layers of the model.</param>
    /// <param name="peakGflops">What the machine can do at most, for <c>mfu_percent</c>; 0 when it is not known,
    /// which prints 0.</param>
    public static string Format(GptRun run, int depth, double peakGflops = 0)
    {
        ArgumentNullException.ThrowIfNull(run);
        var training = run.Training;
        var utilisation = peakGflops > 0 ? 100 * training.TokensPerSecond * run.Size.FlopsPerToken / 1e9 / peakGflops : 0;
        return string.Join('\n',
        [
            "---",
            FormattableString.Invariant($"val_bpb:          {run.ValidationBpb:F6}"),
            FormattableString.Invariant($"training_seconds: {training.TrainingTime.TotalSeconds:F1}"),
            FormattableString.Invariant($"total_seconds:    {run.TotalTime.TotalSeconds:F1}"),
            FormattableString.Invariant($"peak_vram_mb:     {run.PeakMemoryBytes / 1048576.0:F1}"),
            FormattableString.Invariant($"mfu_percent:      {utilisation:F2}"),
            FormattableString.Invariant($"total_tokens_M:   {training.Tokens / 1e6:F3}"),
            FormattableString.Invariant($"num_steps:        {training.Steps}"),
            FormattableString.Invariant($"num_params_M:     {run.Size.Total / 1e6:F3}"),
            FormattableString.Invariant($"depth:            {depth}"),
            FormattableString.Invariant($"train_loss:       {training.TrainLoss:F6}"),
            FormattableString.Invariant($"tokens_per_second: {training.TokensPerSecond:F0}"),
            FormattableString.Invariant($"gflops:           {run.Gflops:F1}"),
        ]);
    }
}
