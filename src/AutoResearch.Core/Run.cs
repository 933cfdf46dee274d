namespace AutoResearch;

/// <summary>A run that was made: the experiment and its result.</summary>
/// <param name="Experiment">What ran.</param>
/// <param name="Result">What it brought.</param>
public sealed record Run(Experiment Experiment, RunResult Result);
