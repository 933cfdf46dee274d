using System.Collections.Immutable;

namespace AutoResearch;

/// <summary>
/// The fold of a loop's events: what a loop resumes from and what reports are made of. Not thread-safe; the
/// <see cref="State"/> that it hands out is immutable.
/// </summary>
public sealed class ResearchHistory
{
    private readonly Dictionary<string, Experiment> _running = new(StringComparer.Ordinal);
    private ImmutableList<Trial> _trials = [];
    private ImmutableList<Run> _baselineRuns = [];
    private ImmutableList<Run> _finalRuns = [];
    private ImmutableList<Run> _incumbentRuns = [];
    private ImmutableList<Incumbent> _incumbents = [];
    private LoopStarted? _start;
    private ResearchState? _state;

    /// <summary>The history of a sequence of events.</summary>
    /// <exception cref="InvalidDataException">The events do not fit together; the message names the first that does not.</exception>
    public static ResearchHistory Of(IEnumerable<ResearchEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var history = new ResearchHistory();
        foreach (var e in events) history.Apply(e);
        return history;
    }

    /// <summary>True before the first event.</summary>
    public bool IsEmpty => _start is null;

    /// <summary>The problem.</summary>
    /// <exception cref="InvalidOperationException">The history is empty.</exception>
    public ResearchProblem Problem => Start.Problem;

    /// <summary>The loop's seed.</summary>
    /// <exception cref="InvalidOperationException">The history is empty.</exception>
    public long Seed => Start.Seed;

    /// <summary>When the loop began.</summary>
    public DateTimeOffset StartTime => Start.Time;

    /// <summary>When the last event happened.</summary>
    public DateTimeOffset LastTime { get; private set; }

    /// <summary>All trials in order.</summary>
    public IReadOnlyList<Trial> Trials => _trials;

    /// <summary>Runs of the baseline at the start.</summary>
    public IReadOnlyList<Run> BaselineRuns => _baselineRuns;

    /// <summary>Fresh runs at the end, of the final candidate and of the baseline.</summary>
    public IReadOnlyList<Run> FinalRuns => _finalRuns;

    /// <summary>The baseline and every candidate that replaced it, in order, each with its runs up to the moment it was replaced.</summary>
    public IReadOnlyList<Incumbent> Incumbents => _incumbents.Count == 0 ? _incumbents : _incumbents.SetItem(_incumbents.Count - 1, State.Incumbent);

    /// <summary>Experiments that were started and have not finished.</summary>
    public IReadOnlyCollection<Experiment> Running => _running.Values;

    /// <summary>How many experiments were started, repeated attempts included; the next id follows from it.</summary>
    public int ExperimentsStarted { get; private set; }

    /// <summary>How many experiments ended with any outcome.</summary>
    public int ExperimentsFinished { get; private set; }

    /// <summary>The re-measured gain; null until it was measured.</summary>
    public GainEstimate? Gain { get; private set; }

    /// <summary>How the loop ended; null while it runs, or when it was killed.</summary>
    public LoopStopped? Stop { get; private set; }

    /// <summary>What proposing has cost so far.</summary>
    public Cost ProposalCost { get; private set; }

    /// <summary>What proposers and acceptors see.</summary>
    /// <exception cref="InvalidOperationException">The history is empty.</exception>
    public ResearchState State => _state ??= new(Problem, CurrentIncumbent, _trials, Seed) { BaselineRuns = _baselineRuns };

    private LoopStarted Start => _start ?? throw new InvalidOperationException("The history is empty: no loop_started event was applied.");

    private Incumbent CurrentIncumbent => _incumbents[^1] with { Runs = _incumbentRuns };

    /// <summary>Adds an event.</summary>
    /// <exception cref="InvalidDataException">The event does not fit the ones before it.</exception>
    public void Apply(ResearchEvent e)
    {
        ArgumentNullException.ThrowIfNull(e);
        if (_start is null && e is not LoopStarted) throw new InvalidDataException($"The first event must be loop_started, not {e.GetType().Name}.");
        switch (e)
        {
            case LoopStarted start: ApplyStart(start); break;
            case LoopResumed: Stop = null; _running.Clear(); break;
            case HypothesisProposed proposed: ApplyProposal(proposed); break;
            case ExperimentStarted started:
                if (!_running.TryAdd(started.Experiment.Id, started.Experiment))
                    throw new InvalidDataException($"The experiment {started.Experiment.Id} was started twice.");
                ExperimentsStarted++;
                break;
            case ExperimentFinished finished: ApplyResult(finished); break;
            case TrialJudged judged when judged.Verdict.IsFinal: Update(judged.Trial, t => t with { Verdict = judged.Verdict }); break;
            case IncumbentAdvanced advanced: ApplyAdvance(advanced); break;
            case GainMeasured measured: Gain = measured.Gain; break;
            case LoopStopped stopped: Stop = stopped; break;
        }
        LastTime = e.Time;
        _state = null;
    }

    private void ApplyStart(LoopStarted start)
    {
        if (_start is not null) throw new InvalidDataException("There is a second loop_started event.");
        _start = start;
        _incumbents = [new Incumbent { Candidate = start.Problem.Baseline, Runs = [] }];
    }

    private void ApplyProposal(HypothesisProposed proposed)
    {
        if (proposed.Trial != _trials.Count + 1)
            throw new InvalidDataException($"Trial {proposed.Trial} was proposed where {_trials.Count + 1} was expected.");
        _trials = _trials.Add(new Trial { Number = proposed.Trial, Hypothesis = proposed.Hypothesis, Candidate = proposed.Candidate });
        ProposalCost += proposed.Hypothesis.Cost;
    }

    private void ApplyResult(ExperimentFinished finished)
    {
        if (!_running.Remove(finished.ExperimentId, out var experiment))
            throw new InvalidDataException($"The experiment {finished.ExperimentId} finished without having been started.");
        ExperimentsFinished++;
        var run = new Run(experiment, finished.Result);
        switch (experiment.Purpose)
        {
            case RunPurpose.Baseline: _baselineRuns = _baselineRuns.Add(run); _incumbentRuns = _incumbentRuns.Add(run); break;
            case RunPurpose.Control: _incumbentRuns = _incumbentRuns.Add(run); break;
            case RunPurpose.Final: _finalRuns = _finalRuns.Add(run); break;
            default: Update(experiment.Trial, t => t with { Runs = [.. t.Runs, run] }); break;
        }
    }

    private void ApplyAdvance(IncumbentAdvanced advanced)
    {
        var trial = _trials.ElementAtOrDefault(advanced.Trial - 1);
        if (trial?.Candidate is null) throw new InvalidDataException($"The incumbent advanced to trial {advanced.Trial}, which has no candidate.");
        _incumbents = _incumbents.SetItem(_incumbents.Count - 1, CurrentIncumbent)
            .Add(new Incumbent { Candidate = trial.Candidate, Runs = [], Version = advanced.Version, Trial = trial.Number });
        _incumbentRuns = [.. trial.Runs];
    }

    private void Update(int number, Func<Trial, Trial> change)
    {
        if (number < 1 || number > _trials.Count) throw new InvalidDataException($"There is no trial {number}.");
        _trials = _trials.SetItem(number - 1, change(_trials[number - 1]));
    }
}
