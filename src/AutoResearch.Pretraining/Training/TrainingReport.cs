namespace AutoResearch.Pretraining;

/// <summary>What a training run brought.</summary>
public sealed record TrainingReport
{
    /// <summary><see cref="RunOutcome.Completed"/> or <see cref="RunOutcome.Diverged"/>.</summary>
    public required RunOutcome Outcome { get; init; }

    /// <summary>One sentence on what went wrong; null for a completed run.</summary>
    public string? Message { get; init; }

    /// <summary>Mean training loss over the last steps, in nats per token: exponential with factor 0.9, debiased.</summary>
    public required double TrainLoss { get; init; }

    /// <summary>Time in training steps.</summary>
    public required TimeSpan TrainingTime { get; init; }

    /// <summary>Optimizer steps.</summary>
    public required long Steps { get; init; }

    /// <summary>Training tokens.</summary>
    public required long Tokens { get; init; }

    /// <summary>Share of the budget used, 0 … 1.</summary>
    public required double Progress { get; init; }

    /// <summary>Training tokens per second of training time.</summary>
    public double TokensPerSecond => TrainingTime > TimeSpan.Zero ? Tokens / TrainingTime.TotalSeconds : 0;
}
