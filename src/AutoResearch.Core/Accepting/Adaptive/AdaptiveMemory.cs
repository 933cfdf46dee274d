namespace AutoResearch;

/// <summary>
/// What an <see cref="AdaptiveRatchet"/> has learned from a history: the noise, the drift, the distribution of effects, the
/// true loss of the incumbent, and what a run is worth. It is a fold over the trials in the order of their verdicts, so the
/// same history always gives the same memory; it only remembers how far it has read.
/// </summary>
internal sealed class AdaptiveMemory
{
    private const double PriorRuns = 30;
    private const double PriorGainPerRun = 0.006; // in units of the noise; decides only until the first gains are found

    private readonly Objective _objective;
    private readonly NoisePool _noise;
    private readonly DriftEstimate _drift = new();
    private readonly int? _sentinelEvery;
    private DriftTrend _trend;
    private readonly FirstRuns _first;
    private readonly double _sigma;
    private Verdict? _lastVerdict;
    private readonly List<(IncumbentBelief Belief, string Id)> _incumbents = [];
    private readonly List<int> _versions = [0]; // which of them a version of the incumbent is
    private int _judged;
    private int _runs;
    private int _accepts;
    private double _gain;

    public AdaptiveMemory(FirstRuns first, Objective objective, AdaptiveRatchetOptions options)
    {
        (_first, _objective, _sentinelEvery) = (first, objective, options.SentinelEvery);
        var sample = Sample.Of(first.Losses);
        var least = 1e-9 * Math.Max(Math.Abs(sample.Mean), 1e-9); // a metric without noise needs a unit for effects too
        _sigma = Math.Max(Math.Sqrt(sample.Variance), least);
        _noise = new(options.NoisePriorRuns, least * least);
        for (var i = 0; i < first.Losses.Length; i++)
        {
            _noise.Add(first.BaselineId, first.Losses[i]);
            _trend = _trend.With(i + 1, first.Losses[i]);
        }
        _runs = sample.Count;
        Effects = new(_sigma, options.GainShare, options.NullShare, options.PriorTrials);
        _incumbents.Add((new(sample.Mean, _noise.Variance / sample.Count, _runs), first.BaselineId));
    }

    /// <summary>What ideas do to the loss.</summary>
    public EffectMixture Effects { get; }

    /// <summary>The pooled standard deviation of one run.</summary>
    public double Sigma => Math.Sqrt(_noise.Variance);

    /// <summary>
    /// What a run has to be worth to be made: the gain per run that the search has found so far, since the next idea could
    /// have it. While few gains were found less is asked, so that the first of them are looked for with patience.
    /// </summary>
    public double Price =>
        (0.3 + (1.2 * _accepts / (_accepts + 10.0))) * Math.Max(0, (PriorGainPerRun * _sigma * PriorRuns) + _gain)
        / (PriorRuns + _runs);

    private double DriftVariance => _drift.Rate * _noise.Variance;

    /// <summary>The drift of one run as the sentinels show it, and its standard error.</summary>
    public (double Slope, double Error) Drift =>
        _trend.Drift(_noise.Variance) is var (slope, variance) ? (slope, Math.Sqrt(variance)) : default;

    /// <summary>Whether the baseline should be run again to see the drift, before a trial is judged.</summary>
    public bool NeedsSentinel(Trial trial)
    {
        if (_sentinelEvery == 0) return false;
        var trend = TrendWith(trial);
        var since = _runs + trial.Runs.Count + trial.Controls.Count + trial.Sentinels.Count - trend.Last;
        return since >= (_sentinelEvery ?? Interval(trend));
    }

    // Until the next sentinel the machine should not move by more than a fraction of the noise unseen.
    private int Interval(DriftTrend trend)
    {
        var (slope, variance) = trend.Drift(_noise.Variance);
        return (int)Math.Clamp(0.5 * Sigma / (Math.Abs(slope) + Math.Sqrt(variance)), 15, 80);
    }

    private DriftTrend TrendWith(Trial trial)
    {
        var (trend, now) = (_trend, _runs);
        foreach (var loss in Losses(trial.Sentinels)) trend = trend.With(++now, loss);
        return trend;
    }

    /// <summary>
    /// Reads the verdicts that were added since the last call; false when the history is not the one read so far.
    /// </summary>
    public bool TryRead(ResearchState state)
    {
        if (state.Problem.Baseline.Id != _first.BaselineId || state.Judged.Count < _judged) return false;
        if (_judged > 0 && !ReferenceEquals(state.Trials[state.Judged[_judged - 1] - 1].Verdict, _lastVerdict)) return false;
        Follow(state);
        for (; _judged < state.Judged.Count; _judged++)
        {
            var trial = state.Trials[state.Judged[_judged] - 1];
            Learn(trial);
            Follow(state);
            _lastVerdict = trial.Verdict;
        }
        return true;
    }

    /// <summary>What is known about a trial from its runs and the controls made for it.</summary>
    public Situation Look(Trial trial)
    {
        var (belief, id) = _incumbents[_versions[trial.IncumbentVersion]];
        var incumbentVariance = _noise.VarianceOf(id);
        var trend = TrendWith(trial);
        belief = Now(belief, trend);
        // The error of the drift is common to all that was learned, so it belongs to the decision and not to what is kept.
        if (_sentinelEvery != 0)
            belief = belief with
            {
                Variance = belief.Variance + (trend.Drift(_noise.Variance).Variance * Math.Pow(_runs - belief.Origin, 2)),
            };
        var controls = Controls(trial);
        foreach (var loss in controls) belief = belief.Measure(loss, incumbentVariance, _runs);
        double[] candidate = [.. Losses(trial.Runs)];
        return new(Effects, belief, candidate, controls.Length, _noise.VarianceOf(candidate), incumbentVariance);
    }

    // A version that was reverted to an earlier one is that incumbent again, with all that is known of it.
    private void Follow(ResearchState state)
    {
        while (_versions.Count < state.Incumbents.Count && state.Incumbents[_versions.Count].Reversion is { } reversion)
            _versions.Add(_versions[reversion.To]);
    }

    private void Learn(Trial trial)
    {
        if (trial.Candidate is null || trial.Runs.Count == 0) return;
        foreach (var loss in Losses(trial.Sentinels)) _trend = _trend.With(++_runs, loss);
        foreach (var loss in Controls(trial)) LearnControl(_versions[trial.IncumbentVersion], loss);
        var runs = Evidence.Sound(trial.Runs);
        var losses = Losses(runs).ToArray();
        _runs += trial.Runs.Count;
        if (losses.Length == runs.Count || trial.Verdict is Accept) LearnEffect(trial, losses);
        else if (runs.Any(r => r.Result.Outcome == RunOutcome.Stopped)) Effects.LearnCensored();
    }

    private void LearnControl(int incumbent, double loss)
    {
        var (belief, id) = _incumbents[incumbent];
        var variance = _noise.VarianceOf(id);
        var now = Now(belief, _trend);
        _drift.Learn(loss - now.Mean, belief.Variance, variance, _runs - belief.MeasuredAt);
        _incumbents[incumbent] = (Kept(now.Measure(loss, variance, ++_runs)), id);
        _noise.Add(id, loss);
    }

    private void LearnEffect(Trial trial, double[] losses)
    {
        var mean = Sample.Of(losses).Mean;
        var meanVariance = _noise.VarianceOf(losses) / losses.Length;
        var incumbent = _versions[trial.IncumbentVersion];
        var belief = Now(_incumbents[incumbent].Belief, _trend);
        var (difference, variance) = (mean - belief.Mean, belief.Variance + meanVariance);
        var effect = new EffectBelief(Effects).Update(difference, variance);
        // An accept against an incumbent that was replaced meanwhile keeps nothing: its change is measured again
        // on top of the new one.
        if (trial.Verdict is Accept && trial.IncumbentVersion == _versions.Count - 1)
        {
            _accepts++;
            _gain += effect.ExpectedGain;
            _versions.Add(_incumbents.Count);
            _incumbents.Add(
                (Kept(belief.AfterTrial(Effects, effect, mean, meanVariance, accepted: true, _runs)), trial.Candidate!.Id));
        }
        else
        {
            _incumbents[incumbent] = (Kept(belief.AfterTrial(Effects, effect, mean, meanVariance, accepted: false, _runs)),
                _incumbents[incumbent].Id);
        }
        // The second measurement of an idea is a selected one
        if (trial.Hypothesis is { RebaseOf: null, Drops: null }) Effects.Learn(difference, variance);
        // A discarded candidate that ran once says nothing about the noise and would only take up memory.
        if (losses.Length == 1 && trial.Verdict is not Accept) return;
        foreach (var loss in losses) _noise.Add(trial.Candidate!.Id, loss);
    }

    /// <summary>
    /// A kept belief as of now: the machine has drifted since the runs that it rests on, as far as the sentinels show, and may
    /// have done otherwise. What is kept has no drift in it, so that a better knowledge of the drift also mends
    /// what was learned before.
    /// </summary>
    private IncumbentBelief Now(IncumbentBelief kept, DriftTrend trend)
    {
        var moved = kept.At(_runs, DriftVariance);
        var runs = _runs - kept.Origin;
        return _sentinelEvery == 0 ? moved : moved with { Mean = moved.Mean + (trend.Drift(_noise.Variance).Slope * runs) };
    }

    private IncumbentBelief Kept(IncumbentBelief now) =>
        _sentinelEvery == 0
            ? now
            : now with { Mean = now.Mean - (_trend.Drift(_noise.Variance).Slope * (now.MeasuredAt - now.Origin)) };

    private double[] Controls(Trial trial) => [.. Losses(trial.Controls).Skip(_first.BorrowedFrom(trial))];

    private IEnumerable<double> Losses(IReadOnlyList<Run> runs) =>
        runs.Select(r => r.Result.Score(_objective)).OfType<double>().Select(_objective.ToLoss);
}
