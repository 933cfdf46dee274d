using System.Runtime.InteropServices;

namespace AutoResearch;

/// <summary>
/// Pools the variance within candidates, one run at a time (Welford's method), so that a loop's cost per run stays constant.
/// </summary>
internal sealed class NoiseAccumulator
{
    private readonly Dictionary<string, (int Runs, double Mean)> _candidates = new(StringComparer.Ordinal);
    private double _squares;
    private int _degreesOfFreedom;
    private NoiseEstimate? _estimate;

    /// <summary>The noise so far; equal to <see cref="NoiseEstimate.Unknown"/>, by 0/0, while nothing was repeated.</summary>
    public NoiseEstimate Estimate => _estimate ??= new(Math.Sqrt(_squares / _degreesOfFreedom), _degreesOfFreedom);

    public void Add(Run run, Objective objective)
    {
        if (run.Experiment.Purpose == RunPurpose.Screen || run.Result.Contention is not null
            || run.Result.Score(objective) is not { } score)
            return;
        ref var group = ref CollectionsMarshal.GetValueRefOrAddDefault(_candidates, run.Experiment.Candidate.Id, out var known);
        var runs = group.Runs + 1;
        var delta = score - group.Mean;
        var mean = group.Mean + (delta / runs);
        group = (runs, mean);
        if (!known) return;
        _squares += delta * (score - mean);
        _degreesOfFreedom++;
        _estimate = null;
    }
}
