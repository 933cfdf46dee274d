namespace AutoResearch.Pretraining;

/// <summary>
/// Learning rate, momentum and weight decay over a run. Learning rates and decay follow the share of the budget that is
/// used, so that the same options fit any budget; Muon's momentum follows the steps.
/// </summary>
/// <param name="options">Warm-up, warm-down, momentum and weight decay.</param>
public sealed class Schedule(TrainingOptions options)
{
    private readonly TrainingOptions _options = options ?? throw new ArgumentNullException(nameof(options));

    /// <summary>The factor on all learning rates: linear rise, level, linear fall.</summary>
    /// <param name="progress">Share of the budget used, 0 … 1; values outside count as the nearer end.</param>
    public double LearningRate(double progress)
    {
        progress = Math.Clamp(progress, 0, 1);
        if (progress < _options.WarmupRatio) return progress / _options.WarmupRatio;
        if (progress < 1 - _options.WarmdownRatio || _options.WarmdownRatio == 0) return 1;
        var left = (1 - progress) / _options.WarmdownRatio;
        return left + (1 - left) * _options.FinalLrFraction;
    }

    /// <summary>Muon's momentum: a linear rise over the first steps.</summary>
    /// <param name="step">Optimizer steps made, from 0.</param>
    public double Momentum(long step)
    {
        var share = _options.MuonMomentumSteps == 0 ? 1 : Math.Min((double)step / _options.MuonMomentumSteps, 1);
        return (1 - share) * _options.MuonMomentumStart + share * _options.MuonMomentum;
    }

    /// <summary>Muon's weight decay: a linear fall to 0 over the budget.</summary>
    /// <param name="progress">Share of the budget used, 0 … 1.</param>
    public double WeightDecay(double progress) => _options.WeightDecay * (1 - Math.Clamp(progress, 0, 1));
}
