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
[JsonDerivedType(typeof(IncumbentAdvanced), "incumbent_advanced")]
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
/// <param name="Candidate">The parent with the change applied; null when the change does not apply or the candidate was run before.</param>
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

/// <summary>An accepted candidate became the incumbent.</summary>
/// <param name="Version">The incumbent's new version.</param>
/// <param name="Trial">The trial that brought it.</param>
/// <param name="CandidateId">Its id.</param>
public sealed record IncumbentAdvanced(int Version, int Trial, string CandidateId) : ResearchEvent;

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
