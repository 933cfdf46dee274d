using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// Something that happened in a loop. The loop streams events to its caller and, all but <see cref="MeasurementReported"/>,
/// writes them to the journal first; the history is nothing but the fold of its events.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(LoopStarted), "loop_started")]
[JsonDerivedType(typeof(LoopResumed), "loop_resumed")]
[JsonDerivedType(typeof(HypothesisProposed), "hypothesis_proposed")]
[JsonDerivedType(typeof(ExperimentStarted), "experiment_started")]
[JsonDerivedType(typeof(ExperimentFinished), "experiment_finished")]
[JsonDerivedType(typeof(TrialJudged), "trial_judged")]
[JsonDerivedType(typeof(ApprovalRequested), "approval_requested")]
[JsonDerivedType(typeof(ApprovalDecided), "approval_decided")]
[JsonDerivedType(typeof(IncumbentAdvanced), "incumbent_advanced")]
[JsonDerivedType(typeof(IncumbentReverted), "incumbent_reverted")]
[JsonDerivedType(typeof(ClaimsSettled), "claims_settled")]
[JsonDerivedType(typeof(GainMeasured), "gain_measured")]
[JsonDerivedType(typeof(LoopStopped), "loop_stopped")]
public abstract record ResearchEvent
{
    /// <summary>When it happened, by the loop's clock. A journal line carries it beside the event.</summary>
    [JsonIgnore]
    public DateTimeOffset Time { get; init; }
}

/// <summary>A new loop begins.</summary>
/// <param name="Problem">What is to be improved; its search space is not kept.</param>
/// <param name="Seed">The seed of the loop.</param>
public sealed record LoopStarted(ResearchProblem Problem, long Seed) : ResearchEvent
{
    /// <summary>The version of the library.</summary>
    public string Version { get; init; } = "";
}

/// <summary>A loop goes on from its journal. Experiments that were running are started again under the same id.</summary>
public sealed record LoopResumed : ResearchEvent
{
    /// <summary>Ids of experiments that had been started and not finished.</summary>
    public IReadOnlyList<string> Interrupted { get; init; } = [];
}

/// <summary>A proposer named an idea.</summary>
/// <param name="Trial">The trial's number, from 1.</param>
/// <param name="Hypothesis">The idea.</param>
/// <param name="Candidate">The parent with the change applied; null when the change does not apply or the candidate
/// was run before.</param>
public sealed record HypothesisProposed(int Trial, Hypothesis Hypothesis, Candidate? Candidate) : ResearchEvent
{
    /// <summary>Version of the incumbent that the proposer saw; null for the present one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? IncumbentVersion { get; init; }
}

/// <summary>An experiment begins.</summary>
/// <param name="Experiment">What runs.</param>
public sealed record ExperimentStarted(Experiment Experiment) : ResearchEvent;

/// <summary>
/// An attempt at an experiment ended, well or not. After an infrastructure failure or a cancellation the experiment is
/// still to be made: it starts again under its id with the next attempt number.
/// </summary>
/// <param name="ExperimentId">The experiment's id.</param>
/// <param name="Result">What it brought.</param>
public sealed record ExperimentFinished(string ExperimentId, RunResult Result) : ResearchEvent;

/// <summary>An acceptor gave a verdict, or the loop rejected a trial without a run (duplicate, change does not apply).</summary>
/// <param name="Trial">The trial's number.</param>
/// <param name="Verdict">The verdict; <see cref="NeedMore"/> when more runs follow.</param>
public sealed record TrialJudged(int Trial, Verdict Verdict) : ResearchEvent;

/// <summary>Somebody is asked whether a candidate may be run or kept. The loop waits; after a kill it asks again.</summary>
/// <param name="Trial">The trial's number.</param>
/// <param name="Stage">Before the run, or before the keep.</param>
public sealed record ApprovalRequested(int Trial, ApprovalStage Stage) : ResearchEvent
{
    /// <summary>The acceptor's verdict that waits for approval; null before the run.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Verdict? Verdict { get; init; }
}

/// <summary>
/// It was decided whether a candidate may be run or kept, by a person, by the policy, or because nobody answered.
/// </summary>
/// <param name="Trial">The trial's number.</param>
/// <param name="Stage">Before the run, or before the keep.</param>
/// <param name="Approved">True when it goes on.</param>
/// <param name="By">Who decided; "policy" or "timeout" when no person did.</param>
/// <param name="Reason">Why.</param>
public sealed record ApprovalDecided(int Trial, ApprovalStage Stage, bool Approved, string By, string Reason) : ResearchEvent;

/// <summary>An accepted candidate became the incumbent.</summary>
/// <param name="Version">The incumbent's new version.</param>
/// <param name="Trial">The trial that brought it.</param>
/// <param name="CandidateId">Its id.</param>
public sealed record IncumbentAdvanced(int Version, int Trial, string CandidateId) : ResearchEvent;

/// <summary>An earlier incumbent became the incumbent again, as a new version: what was kept after it is undone.</summary>
/// <param name="Version">The incumbent's new version.</param>
/// <param name="To">The version that it is a copy of; 0 for the baseline.</param>
/// <param name="CandidateId">Its candidate's id.</param>
/// <param name="By">Who wanted it.</param>
/// <param name="Reason">Why.</param>
public sealed record IncumbentReverted(int Version, int To, string CandidateId, string By, string Reason) : ResearchEvent;

/// <summary>The kept changes were tested with fresh runs after the search.</summary>
/// <param name="Claims">What was found of each.</param>
public sealed record ClaimsSettled(ClaimSet Claims) : ResearchEvent;

/// <summary>Final candidate and baseline were measured again, with fresh seeds.</summary>
/// <param name="Gain">The estimate.</param>
public sealed record GainMeasured(GainEstimate Gain) : ResearchEvent;

/// <summary>The loop ended.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Message">One sentence with the numbers.</param>
public sealed record LoopStopped(StopReason Reason, string Message) : ResearchEvent;

/// <summary>A running experiment reported a metric. Streamed only, never journalled.</summary>
/// <param name="ExperimentId">The experiment's id.</param>
/// <param name="Measurement">The measurement.</param>
public sealed record MeasurementReported(string ExperimentId, Measurement Measurement) : ResearchEvent;
