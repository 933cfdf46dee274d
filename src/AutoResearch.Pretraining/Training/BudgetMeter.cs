using System.Globalization;

namespace AutoResearch.Pretraining;

/// <summary>
/// What a run has spent of its budget. The clock runs between <see cref="Start"/> and <see cref="Stop"/> only, so
/// evaluation and checkpoints cost no training time.
/// </summary>
internal sealed class BudgetMeter
{
    private readonly Budget _budget;
    private readonly long _tokensPerStep;
    private readonly double _flopsPerToken;
    private readonly TimeProvider _clock;
    private TimeSpan _spent;
    private long _started, _stepStarted;
    private bool _running;
    private double _stepSeconds; // running mean

    public BudgetMeter(Budget budget, long tokensPerStep, double flopsPerToken, TimeProvider clock)
    {
        (_budget, _tokensPerStep, _flopsPerToken, _clock) = (budget, tokensPerStep, flopsPerToken, clock);
        if (budget is { Training: null, Steps: null, Tokens: null, Flops: null })
            throw new ArgumentException("The budget does not limit the training; set training time, steps, tokens or FLOPs.",
                nameof(budget));
        budget.Validate();
        if (budget.Tokens < tokensPerStep)
            throw new ArgumentException($"A budget of {budget.Tokens} tokens is less than one optimizer step of {tokensPerStep}; "
                + "give more tokens or use a smaller batch.", nameof(budget));
        if (budget.Flops < tokensPerStep * flopsPerToken)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"A budget of {budget.Flops:g3} FLOPs is "
                + $"less than one optimizer step of {tokensPerStep * flopsPerToken:g3}; give more or use a smaller batch."),
                nameof(budget));
    }

    public long Steps { get; private set; }

    public long Tokens => Steps * _tokensPerStep;

    /// <summary>Training time up to now.</summary>
    public TimeSpan Elapsed => _running ? _spent + _clock.GetElapsedTime(_started) : _spent;

    /// <summary>Seconds per step, the mean over recent ones.</summary>
    public double StepSeconds => _stepSeconds;

    /// <summary>The largest share used of any limit, 0 … 1.</summary>
    public double Progress
    {
        get
        {
            var share = 0.0;
            if (_budget.Training is { } time) share = Math.Max(share, Elapsed / time);
            if (StepLimit is { } steps) share = Math.Max(share, (double)Steps / steps);
            return Math.Min(share, 1);
        }
    }

    /// <summary>
    /// Whether another step fits: counted limits are never exceeded, and a step that would probably end after the time is up
    /// is not begun, so that slow steps gain nothing. There is always one.
    /// </summary>
    public bool CanStep
    {
        get
        {
            if (StepLimit is { } steps && Steps >= steps) return false;
            if (_budget.Training is not { } time || Steps == 0) return true;
            var left = time - Elapsed;
            // Rounding of the clock must not cost a step
            return left > TimeSpan.Zero && left.TotalSeconds >= _stepSeconds * 0.999;
        }
    }

    private long? StepLimit
    {
        get
        {
            long? limit = _budget.Steps;
            if (_budget.Tokens is { } tokens) limit = Math.Min(limit ?? long.MaxValue, tokens / _tokensPerStep);
            if (_budget.Flops is { } flops)
                limit = Math.Min(limit ?? long.MaxValue, (long)(flops / (_tokensPerStep * _flopsPerToken)));
            return limit;
        }
    }

    /// <summary>Continues an earlier run.</summary>
    public void Restore(long steps, TimeSpan spent) => (Steps, _spent) = (steps, spent);

    public void Start()
    {
        _started = _stepStarted = _clock.GetTimestamp();
        _running = true;
    }

    public void Stop()
    {
        if (!_running) return;
        _spent += _clock.GetElapsedTime(_started);
        _running = false;
    }

    public void StepDone()
    {
        var now = _clock.GetTimestamp();
        var seconds = _clock.GetElapsedTime(_stepStarted, now).TotalSeconds;
        _stepSeconds = Steps == 0 || _stepSeconds == 0 ? seconds : 0.8 * _stepSeconds + 0.2 * seconds;
        _stepStarted = now;
        Steps++;
    }
}
