namespace AutoResearch.Pretraining;

/// <summary>Where a training run stands after a step.</summary>
/// <param name="Step">Optimizer steps made.</param>
/// <param name="Loss">Training loss of this step, in nats per token: the mean over its batches.</param>
/// <param name="SmoothLoss">Mean over the last steps: exponential with factor 0.9, debiased.</param>
/// <param name="LearningRate">The factor on all learning rates.</param>
/// <param name="TokensPerSecond">Training tokens per second, over the last steps.</param>
/// <param name="Elapsed">Training time so far.</param>
/// <param name="Progress">Share of the budget used, 0 … 1.</param>
/// <param name="Epoch">The pass over the training text, from 1.</param>
public readonly record struct TrainingProgress(
    long Step, double Loss, double SmoothLoss, double LearningRate, double TokensPerSecond, TimeSpan Elapsed,
    double Progress, int Epoch);
