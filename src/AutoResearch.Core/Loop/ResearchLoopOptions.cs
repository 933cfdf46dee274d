namespace AutoResearch;

/// <summary>
/// How a <see cref="ResearchLoop"/> measures and when it ends. Validated by <see cref="ResearchLoopBuilder.Build"/>. The
/// limits are looked at before each proposal: a trial that has begun is always carried to its verdict.
/// </summary>
public sealed class ResearchLoopOptions
{
    /// <summary>
    /// The seed that all other seeds derive from. Null (the default) means 0 for a new loop and the recorded seed for a
    /// resumed one.
    /// </summary>
    public long? Seed { get; set; }

    /// <summary>
    /// Runs of the baseline before the first proposal: they give the level to beat and the noise. Default 3, at least 1.
    /// </summary>
    public int BaselineRuns { get; set; } = 3;

    /// <summary>
    /// Experiments after which no trial begins: runs of any kind since the loop's start, resumed or not, those for the
    /// claims and the final measurement excepted. A run that a monitor stopped counts as the share of its budget that it used.
    /// Null (the default) for no limit.
    /// </summary>
    public int? MaxExperiments { get; set; }

    /// <summary>Trials after which the loop ends. Null (the default) for no limit.</summary>
    public int? MaxTrials { get; set; }

    /// <summary>
    /// Working time after which no trial begins; time between a stop and its resume is not counted. Null (the
    /// default) for no limit.
    /// </summary>
    public TimeSpan? MaxTime { get; set; }

    /// <summary>Money, spent on proposals and runs, after which no trial begins. Null (the default) for no limit.</summary>
    public decimal? MaxMoney { get; set; }

    /// <summary>
    /// Ends the loop after this many trials in a row without an accept. Null (the default) for never. Published runs found
    /// gains after 26 trials without one, so a small number is costly.
    /// </summary>
    public int? PlateauTrials { get; set; }

    /// <summary>
    /// Fresh runs of the final candidate and of the baseline at the end, each, for the reported gain. Default 3; 0 for none.
    /// Nothing is run when the incumbent is still the baseline.
    /// </summary>
    public int FinalRuns { get; set; } = 3;

    /// <summary>
    /// Most rounds of fresh runs that test, after the search, which kept changes truly help: in each round the final candidate
    /// and, for every change still in question, the final candidate without it run once. Five rounds are the least that can
    /// confirm one. Default 8; 0 for none.
    /// </summary>
    public int ClaimRounds { get; set; } = 8;

    /// <summary>The expected share of false ones among the confirmed claims is at most this. Default 0.05.</summary>
    public double ClaimErrorRate { get; set; } = 0.05;

    /// <summary>
    /// Whether kept changes that the claims speak against are taken out of the final candidate at the end, if as many further
    /// pairs of runs as there are <see cref="ClaimRounds"/> show it to be no worse without them. Default true.
    /// </summary>
    public bool DropUseless { get; set; } = true;

    /// <summary>The level of the reported gain's confidence interval. Default 0.95.</summary>
    public double Confidence { get; set; } = 0.95;

    /// <summary>
    /// Experiments that may run at once. Default 1. The runner must take as many calls of
    /// <see cref="IExperimentRunner.RunAsync"/> at a time; <see cref="RunnerPool"/> gives each its own device. Ideas that were
    /// accepted against an incumbent that has been replaced meanwhile are merged with its successor and measured again.
    /// </summary>
    public int MaxParallel { get; set; } = 1;

    /// <summary>Runs of both arms that one trial may have; an acceptor that asks for more gets no decision. Default 20.</summary>
    public int MaxRunsPerTrial { get; set; } = 20;

    /// <summary>
    /// Trials in a row without a run (duplicates, changes that do not apply) after which the proposer counts as
    /// exhausted. Default 20.
    /// </summary>
    public int MaxTrialsWithoutRun { get; set; } = 20;

    /// <summary>
    /// How often an experiment is tried again after a failure of the machine, before the loop stops. Default 3.
    /// </summary>
    public int MaxInfrastructureRetries { get; set; } = 3;

    /// <summary>
    /// How often an experiment is made again because the machine was disturbed (<see cref="RunOutcome.Contended"/>) before its
    /// result is taken as it is; it then stays marked and cannot carry an accept alone. Default 2.
    /// </summary>
    public int MaxContentionRetries { get; set; } = 2;

    /// <summary>
    /// From where on a run counts as disturbed by others on the machine and is made again. Null (the default) looks at nothing;
    /// set it where the budget is time and the machine is not yours alone.
    /// </summary>
    public ContentionOptions? Contention { get; set; }

    /// <summary>How often a proposer that threw is asked again, before the loop stops. Default 3.</summary>
    public int MaxProposalRetries { get; set; } = 3;

    /// <summary>The wait before the first retry of either kind; each further one waits twice as long. Default 1 s.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait before a retry. Default 1 minute.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a cancelled loop waits for its runner to clean up before it ends without it. Default 30 s.</summary>
    public TimeSpan CancellationGrace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Measurements of a running experiment that wait for a slow listener; older ones are dropped. Default 1,024.
    /// </summary>
    public int MeasurementBuffer { get; set; } = 1024;

    internal ResearchLoopOptions Validate()
    {
        AtLeast(nameof(BaselineRuns), BaselineRuns, 1);
        AtLeast(nameof(MaxExperiments), MaxExperiments, 1);
        AtLeast(nameof(MaxTrials), MaxTrials, 1);
        AtLeast(nameof(PlateauTrials), PlateauTrials, 1);
        AtLeast(nameof(FinalRuns), FinalRuns, 0);
        AtLeast(nameof(ClaimRounds), ClaimRounds, 0);
        AtLeast(nameof(MaxParallel), MaxParallel, 1);
        AtLeast(nameof(MaxRunsPerTrial), MaxRunsPerTrial, 1);
        AtLeast(nameof(MaxTrialsWithoutRun), MaxTrialsWithoutRun, 1);
        AtLeast(nameof(MaxInfrastructureRetries), MaxInfrastructureRetries, 0);
        AtLeast(nameof(MaxContentionRetries), MaxContentionRetries, 0);
        AtLeast(nameof(MaxProposalRetries), MaxProposalRetries, 0);
        AtLeast(nameof(MeasurementBuffer), MeasurementBuffer, 1);
        Contention?.Validate();
        Check(nameof(MaxTime), MaxTime, MaxTime is not { } time || time > TimeSpan.Zero,
            "must be positive, or null for no limit");
        Check(nameof(MaxMoney), MaxMoney, MaxMoney is not { } money || money > 0, "must be positive, or null for no limit");
        Check(nameof(Confidence), Confidence, Confidence is > 0 and < 1, "must lie between 0 and 1, e.g. 0.95");
        Check(nameof(ClaimErrorRate), ClaimErrorRate, ClaimErrorRate is > 0 and < 1, "must lie between 0 and 1, e.g. 0.05");
        Check(nameof(RetryDelay), RetryDelay, RetryDelay >= TimeSpan.Zero, "must not be negative");
        Check(nameof(MaxRetryDelay), MaxRetryDelay, MaxRetryDelay >= RetryDelay, "must not be below RetryDelay");
        Check(nameof(CancellationGrace), CancellationGrace, CancellationGrace > TimeSpan.Zero, "must be positive");
        return this;
    }

    internal TimeSpan DelayBefore(int retry) =>
        TimeSpan.FromTicks((long)Math.Min(MaxRetryDelay.Ticks, RetryDelay.Ticks * Math.Pow(2, retry - 1)));

    private static void AtLeast(string name, int? value, int least) =>
        Check(name, value, value is null || value >= least, $"must be at least {least}");

    private static void Check(string name, object? value, bool good, string rule)
    {
        if (!good) throw new ArgumentException(FormattableString.Invariant($"ResearchLoopOptions.{name} is {value}; it {rule}."));
    }
}
