namespace AutoResearch;

/// <summary>One point of a metric while a run goes on.</summary>
/// <param name="Metric">The metric's name, e.g. <c>train_loss</c>.</param>
/// <param name="Value">Its value.</param>
/// <param name="Step">The optimizer step, or 0 when there are no steps.</param>
/// <param name="Elapsed">Budgeted time since the start of the run.</param>
/// <param name="Progress">Share of the budget used, 0…1; null when it is not known.</param>
public readonly record struct Measurement(
    string Metric, double Value, long Step = 0, TimeSpan Elapsed = default, double? Progress = null);
