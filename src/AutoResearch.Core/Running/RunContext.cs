namespace AutoResearch;

/// <summary>
/// What the code of a <see cref="DelegateRunner"/> gets: the experiment, the runner's clock, and a way to report.
/// </summary>
public sealed class RunContext
{
    private readonly TimeProvider _clock;
    private readonly IProgress<Measurement>? _progress;
    private readonly long _start;

    internal RunContext(Experiment experiment, TimeProvider clock, IProgress<Measurement>? progress)
    {
        Experiment = experiment;
        _clock = clock;
        _progress = progress;
        _start = clock.GetTimestamp();
    }

    /// <summary>What runs.</summary>
    public Experiment Experiment { get; }

    /// <summary>The candidate's parameters.</summary>
    public ParameterSet Parameters => Experiment.Candidate.Parameters;

    /// <summary>The seed to use.</summary>
    public long Seed => Experiment.Seed;

    /// <summary>Time since the start of the run, by the runner's clock.</summary>
    public TimeSpan Elapsed => _clock.GetElapsedTime(_start);

    /// <summary>
    /// What is left of the training or wall time, whichever ends first; null without a limit of time, never negative.
    /// </summary>
    public TimeSpan? Remaining
    {
        get
        {
            var limit = DelegateRunner.Limit(Experiment.Budget);
            return limit is null ? null : TimeSpan.FromTicks(Math.Max(0, (limit.Value - Elapsed).Ticks));
        }
    }

    /// <summary>Reports a metric while the run goes on.</summary>
    /// <param name="metric">Its name.</param>
    /// <param name="value">Its value.</param>
    /// <param name="step">The step, 0 when there are none.</param>
    public void Report(string metric, double value, long step = 0)
    {
        double? share = DelegateRunner.Limit(Experiment.Budget) is { } limit ? Math.Min(1, Elapsed / limit) : null;
        _progress?.Report(new Measurement(metric, value, step, Elapsed, share));
    }
}
