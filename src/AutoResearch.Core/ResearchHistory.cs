using System.Collections.Immutable;

namespace AutoResearch;

/// <summary>
/// The fold of a loop's events: what a loop resumes from and what reports are made of. Not thread-safe; the
/// <see cref="State"/> that it hands out is immutable.
/// </summary>
public sealed class ResearchHistory
{
    private readonly OrderedDictionary<string, Experiment> _unfinished = new(StringComparer.Ordinal);
    private readonly HashSet<string> _running = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _trialOfCandidate = new(StringComparer.Ordinal);
    private readonly NoiseAccumulator _noise = new();
    // A builder changes nodes in place while nobody has seen them, which matters when thousands of events are folded at once.
    private readonly ImmutableList<Trial>.Builder _trials = ImmutableList.CreateBuilder<Trial>();
    private ImmutableList<int> _judged = [];
    private readonly SortedSet<int> _pending = [];
    private readonly Dictionary<int, List<Experiment>> _unfinishedOfTrial = [];
    private ImmutableList<Run> _baselineRuns = [];
    private ImmutableList<Run> _finalRuns = [];
    private ImmutableList<Run> _claimRuns = [];
    private ImmutableList<Run> _setbacks = [];
    private ImmutableList<Run> _incumbentRuns = [];
    private ImmutableList<Incumbent> _incumbents = [];
    private LoopStarted? _start;
    private ResearchProblem? _problem;
    private ResearchState? _state;

    /// <summary>The history of a sequence of events.</summary>
    /// <exception cref="InvalidDataException">The events do not fit together; the message names the first that
    /// does not.</exception>
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
    public ResearchProblem Problem => _problem ?? Start.Problem;

    /// <summary>The loop's seed.</summary>
    /// <exception cref="InvalidOperationException">The history is empty.</exception>
    public long Seed => Start.Seed;

    /// <summary>When the loop began.</summary>
    public DateTimeOffset StartTime => Start.Time;

    /// <summary>When the last event happened.</summary>
    public DateTimeOffset LastTime { get; private set; }

    /// <summary>All trials in order.</summary>
    public IReadOnlyList<Trial> Trials => _trials.ToImmutable();

    /// <summary>Runs of the baseline at the start.</summary>
    public IReadOnlyList<Run> BaselineRuns => _baselineRuns;

    /// <summary>Fresh runs at the end, of the final candidate and of the baseline.</summary>
    public IReadOnlyList<Run> FinalRuns => _finalRuns;

    /// <summary>Fresh runs after the search that test the kept changes, of whatever arm, in order.</summary>
    public IReadOnlyList<Run> ClaimRuns => _claimRuns;

    /// <summary>What is claimed of the kept changes of the present incumbent; null until it was tested.</summary>
    public ClaimSet? Claims { get; private set; }

    /// <summary>
    /// The baseline and every candidate that replaced it, in order, each with its runs up to the moment it was replaced.
    /// </summary>
    public IReadOnlyList<Incumbent> Incumbents =>
        _incumbents.Count == 0 ? _incumbents : _incumbents.SetItem(_incumbents.Count - 1, State.Incumbent);

    /// <summary>
    /// The incumbents that the present one is made of, the baseline first: those that were undone are left out.
    /// </summary>
    public IReadOnlyList<Incumbent> Lineage
    {
        get
        {
            var (all, lineage) = (Incumbents, new List<Incumbent>());
            for (var version = all.Count - 1; version >= 0;)
            {
                if (all[version].Reversion is { } reversion) version = reversion.To;
                else lineage.Insert(0, all[version--]);
            }

            return lineage;
        }
    }

    /// <summary>Whether somebody is asked for an approval.</summary>
    internal bool IsAwaitingApproval => _pending.Any(number => _trials[number - 1].AwaitedApproval is not null);

    /// <summary>
    /// Attempts that brought no result: infrastructure failures, cancellations and disturbed runs, in order. They
    /// belong to no evidence.
    /// </summary>
    public IReadOnlyList<Run> Setbacks => _setbacks;

    /// <summary>Trials without a final verdict, in order.</summary>
    public IEnumerable<Trial> Pending => _pending.Select(number => _trials[number - 1]);

    /// <summary>Experiments that are running now.</summary>
    public IEnumerable<Experiment> Running => _unfinished.Values.Where(e => _running.Contains(e.Id));

    /// <summary>
    /// Experiments that were started and have no result yet, in order: those running, and those whose last attempt was cut
    /// off by a crash, a cancellation or a failure of the machine. A loop makes up for these before anything else.
    /// </summary>
    public IReadOnlyList<Experiment> Unfinished => _unfinished.Values;

    /// <summary>Whether an experiment is running now, not only unfinished.</summary>
    internal bool IsRunning(Experiment experiment) => _running.Contains(experiment.Id);

    /// <summary>How many experiments are running now.</summary>
    internal int RunningCount => _running.Count;

    /// <summary>The experiments of a trial that have no result yet.</summary>
    internal IReadOnlyList<Experiment> UnfinishedOf(Trial trial) =>
        _unfinishedOfTrial.TryGetValue(trial.Number, out var list) ? list : [];

    /// <summary>How many trials there are.</summary>
    internal int TrialCount => _trials.Count;

    /// <summary>The version of the present incumbent.</summary>
    internal int IncumbentVersion => _incumbents.Count - 1;

    /// <summary>The runs that an incumbent has, by its version.</summary>
    internal IReadOnlyList<Run> IncumbentRuns(int version) =>
        version == _incumbents.Count - 1 ? _incumbentRuns : _incumbents[version].Runs;

    /// <summary>
    /// Experiments' worth of budget that stopped runs of the search did not use: the sum of the shares that were left. A limit on
    /// experiments is moved by it.
    /// </summary>
    public double ExperimentsReturned { get; private set; }

    /// <summary>A trial by its number.</summary>
    internal Trial Trial(int number) => _trials[number - 1];

    /// <summary>
    /// How many experiments were started; another attempt is not another experiment. The next id follows from it.
    /// </summary>
    public int ExperimentsStarted { get; private set; }

    /// <summary>How many experiments ended with a result, good or bad. Setbacks are not results.</summary>
    public int ExperimentsFinished { get; private set; }

    /// <summary>
    /// The time that the loop was at work: from its start, or from where it was resumed, to its last event, summed up.
    /// </summary>
    public TimeSpan ActiveTime { get; private set; }

    /// <summary>Money spent on proposals and runs, in the user's currency.</summary>
    public decimal MoneySpent { get; private set; }

    /// <summary>The re-measured gain of the present incumbent over the baseline; null until it was measured.</summary>
    public GainEstimate? Gain { get; private set; }

    /// <summary>How the loop ended; null while it runs, or when it was killed.</summary>
    public LoopStopped? Stop { get; private set; }

    /// <summary>What proposing has cost so far.</summary>
    public Cost ProposalCost { get; private set; }

    /// <summary>What proposers and acceptors see.</summary>
    /// <exception cref="InvalidOperationException">The history is empty.</exception>
    public ResearchState State => _state ??= new(Problem, CurrentIncumbent, _trials.ToImmutable(), Seed)
    {
        BaselineRuns = _baselineRuns,
        Noise = _noise.Estimate,
        Judged = _judged,
        Incumbents = _incumbents,
    };

    private LoopStarted Start =>
        _start ?? throw new InvalidOperationException("The history is empty: no loop_started event was applied.");

    private Incumbent CurrentIncumbent => _incumbents[^1] with { Runs = _incumbentRuns };

    /// <summary>
    /// The number of the first trial that brought the candidate with this id, 0 for the baseline; null when none did.
    /// </summary>
    public int? FindTrial(string candidateId) => _trialOfCandidate.TryGetValue(candidateId, out var trial) ? trial : null;

    /// <summary>The candidate with this id, among the baseline and all trials; null when there is none.</summary>
    public Candidate? FindCandidate(string candidateId) => FindTrial(candidateId) switch
    {
        null => null,
        0 => Problem.Baseline,
        { } trial => _trials[trial - 1].Candidate,
    };

    /// <summary>Adds an event; on an exception nothing has changed.</summary>
    /// <exception cref="InvalidDataException">The event does not fit the ones before it.</exception>
    public void Apply(ResearchEvent e)
    {
        Check(e);
        var isIdle = _running.Count == 0 && IsAwaitingApproval;
        switch (e)
        {
            case LoopStarted start: ApplyStart(start); break;
            case LoopResumed: Stop = null; _running.Clear(); break;
            case HypothesisProposed proposed: ApplyProposal(proposed); break;
            case ExperimentStarted started: ApplyExperiment(started.Experiment); break;
            case ExperimentFinished finished: ApplyResult(finished); break;
            case TrialJudged { Verdict: NeedMore more } judged: Update(judged.Trial, t => t with { Request = more }); break;
            case TrialJudged judged: ApplyVerdict(judged); break;
            case ApprovalRequested asked:
                Update(asked.Trial, t => t with { AwaitedApproval = asked.Stage, HeldVerdict = asked.Verdict });
                break;
            case ApprovalDecided decided: ApplyApproval(decided); break;
            case IncumbentAdvanced advanced: ApplyAdvance(advanced); break;
            case IncumbentReverted reverted: ApplyReversion(reverted); break;
            case ClaimsSettled settled: Claims = settled.Claims; break;
            case GainMeasured measured: Gain = measured.Gain; break;
            case LoopStopped stopped: Stop = stopped; break;
        }
        // A clock that was set back must not take time away; time between a crash and its resume is not work, nor is
        // waiting for somebody.
        if (e is not (LoopStarted or LoopResumed) && !isIdle && e.Time > LastTime) ActiveTime += e.Time - LastTime;
        LastTime = e.Time;
        _state = null;
    }

    /// <summary>Whether an event fits the ones before it: a journal asks before it writes.</summary>
    /// <exception cref="InvalidDataException">The event does not fit; the message says why.</exception>
    internal void Check(ResearchEvent e)
    {
        ArgumentNullException.ThrowIfNull(e);
        var problem = e switch
        {
            LoopStarted => _start is null ? null : "There is a second loop_started event.",
            _ when _start is null => $"The first event must be loop_started, not {e.GetType().Name}.",
            HypothesisProposed proposed when proposed.Trial != _trials.Count + 1 =>
                $"Trial {proposed.Trial} was proposed where {_trials.Count + 1} was expected.",
            HypothesisProposed proposed when proposed.IncumbentVersion is { } version
                && (version < 0 || version >= _incumbents.Count) =>
                $"Trial {proposed.Trial} was proposed for incumbent {version}, of which there are {_incumbents.Count}.",
            HypothesisProposed { Hypothesis.RebaseOf: { } original } when ProblemWithTrial(original) is { } missing => missing,
            ExperimentStarted started => ProblemWith(started.Experiment),
            ExperimentFinished finished when !_running.Contains(finished.ExperimentId) =>
                $"The experiment {finished.ExperimentId} finished without having been started.",
            TrialJudged judged => ProblemWithTrial(judged.Trial),
            ApprovalRequested asked => ProblemWithApproval(asked.Trial, isRequest: true),
            ApprovalDecided decided => ProblemWithApproval(decided.Trial, isRequest: false),
            IncumbentAdvanced advanced => ProblemWith(advanced),
            IncumbentReverted reverted => ProblemWith(reverted),
            _ => null,
        };
        if (problem is not null) throw new InvalidDataException(problem);
    }

    private string? ProblemWith(Experiment experiment)
    {
        if (_running.Contains(experiment.Id)) return $"The experiment {experiment.Id} was started twice.";
        if (_unfinished.TryGetValue(experiment.Id, out var last) && experiment.Attempt <= last.Attempt)
            return $"Attempt {experiment.Attempt} of {experiment.Id} was started after attempt {last.Attempt}.";
        return experiment.Purpose is RunPurpose.Baseline or RunPurpose.Claim or RunPurpose.Final
            ? null
            : ProblemWithTrial(experiment.Trial);
    }

    private string? ProblemWith(IncumbentAdvanced advanced)
    {
        if (ProblemWithTrial(advanced.Trial) is { } problem) return problem;
        var trial = _trials[advanced.Trial - 1];
        if (trial.Candidate is null) return $"The incumbent advanced to trial {advanced.Trial}, which has no candidate.";
        if (advanced.Version != _incumbents.Count)
            return $"The incumbent advanced to version {advanced.Version} where {_incumbents.Count} was expected.";
        return advanced.CandidateId == trial.Candidate.Id
            ? null
            : $"The incumbent advanced to {advanced.CandidateId}, but trial {trial.Number} is about {trial.Candidate.Id}.";
    }

    private string? ProblemWithApproval(int number, bool isRequest) => ProblemWithTrial(number)
        ?? (_trials[number - 1] is var trial && (trial.Candidate is null || !trial.IsPending)
            ? $"Trial {number} has nothing to approve."
            : isRequest && trial.AwaitedApproval is not null ? $"Trial {number} was asked about twice." : null);

    private string? ProblemWith(IncumbentReverted reverted)
    {
        if (reverted.Version != _incumbents.Count)
            return $"The incumbent was reverted to become version {reverted.Version} where {_incumbents.Count} was expected.";
        if (reverted.To < 0 || reverted.To >= _incumbents.Count - 1)
            return $"The incumbent was reverted to version {reverted.To}, which is not one before the present one, "
                + $"{_incumbents.Count - 1}.";
        return reverted.CandidateId == _incumbents[reverted.To].Candidate.Id ? null
            : $"The incumbent was reverted to {reverted.CandidateId}, "
                + $"but version {reverted.To} is {_incumbents[reverted.To].Candidate.Id}.";
    }

    private string? ProblemWithTrial(int number) => number < 1 || number > _trials.Count ? $"There is no trial {number}." : null;

    /// <summary>Puts the caller's problem, with what a journal does not keep, in the place of the recorded one.</summary>
    internal void Attach(ResearchProblem problem) => (_problem, _state) = (problem, null);

    private void ApplyStart(LoopStarted start)
    {
        _start = start;
        _incumbents = [new Incumbent { Candidate = start.Problem.Baseline, Runs = [] }];
        _trialOfCandidate.Add(start.Problem.Baseline.Id, 0);
    }

    private void ApplyProposal(HypothesisProposed proposed)
    {
        _trials.Add(new Trial
        {
            Number = proposed.Trial,
            Hypothesis = proposed.Hypothesis,
            Candidate = proposed.Candidate,
            IncumbentVersion = proposed.IncumbentVersion ?? _incumbents.Count - 1,
        });
        _pending.Add(proposed.Trial);
        if (proposed.Hypothesis.RebaseOf is { } original) Update(original, t => t with { RebasedAs = proposed.Trial });
        if (proposed.Candidate is { } candidate) _trialOfCandidate.TryAdd(candidate.Id, proposed.Trial);
        ProposalCost += proposed.Hypothesis.Cost;
        MoneySpent += proposed.Hypothesis.Cost.Money;
    }

    private void ApplyExperiment(Experiment experiment)
    {
        _running.Add(experiment.Id);
        if (!_unfinished.ContainsKey(experiment.Id)) ExperimentsStarted++;
        if (_unfinished.TryGetValue(experiment.Id, out var earlier)) Forget(earlier);
        _unfinished[experiment.Id] = experiment;
        if (!_unfinishedOfTrial.TryGetValue(experiment.Trial, out var ofTrial))
            _unfinishedOfTrial[experiment.Trial] = ofTrial = [];
        ofTrial.Add(experiment);
    }

    private void Forget(Experiment experiment)
    {
        var ofTrial = _unfinishedOfTrial[experiment.Trial];
        ofTrial.RemoveAll(e => e.Id == experiment.Id);
        if (ofTrial.Count == 0) _unfinishedOfTrial.Remove(experiment.Trial);
    }

    private void ApplyResult(ExperimentFinished finished)
    {
        _running.Remove(finished.ExperimentId);
        var run = new Run(_unfinished[finished.ExperimentId], finished.Result);
        MoneySpent += finished.Result.Usage.Money ?? 0;
        if (finished.Result.Outcome is RunOutcome.InfrastructureFailure or RunOutcome.Cancelled or RunOutcome.Contended)
        {
            _setbacks = _setbacks.Add(run);
            return;
        }
        _unfinished.Remove(finished.ExperimentId);
        Forget(run.Experiment);
        ExperimentsFinished++;
        if (run.Experiment.Purpose is RunPurpose.Screen or RunPurpose.Confirm)
            ExperimentsReturned += Monitoring.Unused(run.Result);
        // Claims must not steer the search that may go on after them, nor be tuned by their own runs; sentinels
        // show drift, not noise.
        if (run.Experiment.Purpose is not (RunPurpose.Claim or RunPurpose.Sentinel)) _noise.Add(run, Problem.Objective);
        var trial = run.Experiment.Trial;
        switch (run.Experiment.Purpose)
        {
            case RunPurpose.Baseline: _baselineRuns = _baselineRuns.Add(run); _incumbentRuns = _incumbentRuns.Add(run); break;
            case RunPurpose.Control: ApplyControl(run); break;
            case RunPurpose.Sentinel: Update(trial, t => t with { Sentinels = [.. t.Sentinels, run], Request = null }); break;
            case RunPurpose.Claim: _claimRuns = _claimRuns.Add(run); break;
            case RunPurpose.Final: _finalRuns = _finalRuns.Add(run); break;
            default: Update(trial, t => t with { Runs = [.. t.Runs, run], Request = null }); break;
        }
    }

    private void ApplyVerdict(TrialJudged judged)
    {
        Update(judged.Trial,
            t => t with { Verdict = judged.Verdict, Request = null, AwaitedApproval = null, HeldVerdict = null });
        _judged = _judged.Add(judged.Trial);
        _pending.Remove(judged.Trial);
    }

    private void ApplyControl(Run run)
    {
        var number = run.Experiment.Trial;
        Update(number, t => t with { Controls = [.. t.Controls, run], Request = null });
        var version = _trials[number - 1].IncumbentVersion;
        if (version == _incumbents.Count - 1) _incumbentRuns = _incumbentRuns.Add(run);
        else _incumbents = _incumbents.SetItem(version, _incumbents[version] with { Runs = [.. _incumbents[version].Runs, run] });
    }

    private void ApplyAdvance(IncumbentAdvanced advanced)
    {
        var trial = _trials[advanced.Trial - 1];
        // What the loop drops by itself at the end is no idea that was kept.
        var dropped = trial.Hypothesis.Drops;
        _incumbents = _incumbents.SetItem(_incumbents.Count - 1, CurrentIncumbent).Add(new Incumbent
        {
            Candidate = trial.Candidate!,
            Runs = [],
            Version = advanced.Version,
            Trial = trial.Number,
            Since = dropped is null ? trial.Number : _incumbents[^1].Since,
        });
        _incumbentRuns = [.. Evidence.Sound(trial.Runs)];
        // Without the changes that do nothing, what was found of the others stands.
        (Gain, Claims) = (null, dropped is null || Claims is null ? null : Claims with
        {
            Claims = [.. Claims.Claims.Select(c => dropped.Contains(c.Trial) ? c with { Status = ClaimStatus.Dropped } : c)],
        });
    }

    private void ApplyReversion(IncumbentReverted reverted)
    {
        var earlier = _incumbents[reverted.To];
        _incumbents = _incumbents.SetItem(_incumbents.Count - 1, CurrentIncumbent)
            .Add(earlier with
            {
                Runs = [],
                Version = reverted.Version,
                Reversion = new(reverted.To, reverted.By, reverted.Reason),
                Since = _trials.Count,
            });
        _incumbentRuns = [.. earlier.Runs];
        (Gain, Claims) = (null, null);
    }

    private void ApplyApproval(ApprovalDecided decided) => Update(decided.Trial, t => t with
    {
        Approvals = [.. t.Approvals, new(decided.Stage, decided.Approved, decided.By, decided.Reason, decided.Time)],
        AwaitedApproval = null,
    });

    private void Update(int number, Func<Trial, Trial> change) =>
        _trials[number - 1] = change(_trials[number - 1]);
}
