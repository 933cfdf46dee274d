using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AutoResearch;

/// <summary>
/// Builds a <see cref="ResearchLoop"/>: a proposer and a runner are needed, everything else has a default. Not thread-safe;
/// one builder builds one loop.
/// </summary>
public sealed class ResearchLoopBuilder
{
    private readonly ResearchProblem _problem;
    private readonly ResearchLoopOptions _options = new();
    private IHypothesisProposer? _proposer;
    private IExperimentRunner? _runner;
    private IRatchetAcceptor? _acceptor;
    private readonly List<IRunMonitor> _monitors = [];
    private IApprovalGate? _gate;
    private ApprovalPolicy _approvals = new();
    private InterventionPolicy _policy = InterventionPolicy.Stop;
    private ILogger? _logger;
    private TimeProvider? _timeProvider;
    private IJournal? _journal;
    private string? _directory;
    private GitWorkspace? _workspace;
    private bool _resume;
    private bool _built;

    internal ResearchLoopBuilder(ResearchProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        if (problem.Objective is null) throw new ArgumentException(
            "ResearchProblem.Objective is null; say what is measured, e.g. Objective.Minimize(\"val_bpb\").", nameof(problem));
        if (problem.Baseline is null) throw new ArgumentException(
            "ResearchProblem.Baseline is null; say where the search starts, e.g. Candidate.Of((\"lr\", 0.02)).", nameof(problem));
        if (problem.Budget is null)
            throw new ArgumentException("ResearchProblem.Budget is null; use Budget.Unlimited for no limit.", nameof(problem));
        problem.Budget.Validate();
        if (problem.SearchSpace?.Validate(problem.Baseline.Parameters) is { } outside)
            throw new ArgumentException($"The baseline lies outside the search space. {outside}", nameof(problem));
        _problem = problem;
    }

    /// <summary>Who says what to try next. Needed.</summary>
    public ResearchLoopBuilder ProposeWith(IHypothesisProposer proposer)
    {
        _proposer = proposer ?? throw new ArgumentNullException(nameof(proposer));
        return this;
    }

    /// <summary>Who runs experiments. Needed.</summary>
    public ResearchLoopBuilder RunWith(IExperimentRunner runner)
    {
        _runner = runner ?? throw new ArgumentNullException(nameof(runner));
        return this;
    }

    /// <summary>What counts as better. Default: <see cref="AdaptiveRatchet"/>.</summary>
    public ResearchLoopBuilder AcceptWith(IRatchetAcceptor acceptor)
    {
        _acceptor = acceptor ?? throw new ArgumentNullException(nameof(acceptor));
        return this;
    }

    /// <summary>
    /// Who watches runs while they go on, e.g. <see cref="RunMonitors.Health"/>; further calls add to them. Default: nobody.
    /// </summary>
    public ResearchLoopBuilder MonitorWith(params IEnumerable<IRunMonitor> monitors)
    {
        ArgumentNullException.ThrowIfNull(monitors);
        foreach (var monitor in monitors)
            _monitors.Add(monitor ?? throw new ArgumentException("A monitor is null.", nameof(monitors)));
        return this;
    }

    /// <summary>What is done when a monitor sees something in a screening run. Default: the run is ended.</summary>
    public ResearchLoopBuilder InterveneWith(InterventionPolicy policy)
    {
        _policy = policy ?? throw new ArgumentNullException(nameof(policy));
        return this;
    }

    /// <summary>
    /// Asks before a candidate is run for the first time, and before it is kept. The loop waits for the answer without running or
    /// counting anything; who decided what, when and why is in the journal. Default: nobody is asked.
    /// </summary>
    /// <param name="gate">Who is asked.</param>
    /// <param name="policy">What is asked for, and how long an answer may take; null for the default: all but parameters.</param>
    public ResearchLoopBuilder ApproveWith(IApprovalGate gate, ApprovalPolicy? policy = null)
    {
        (_gate, _approvals) = (gate ?? throw new ArgumentNullException(nameof(gate)), (policy ?? new()).Validate());
        return this;
    }

    /// <summary>
    /// Records to a directory, which is created if need be. If it holds a journal already, the loop has to be started by
    /// <see cref="ResearchLoop.ResumeAsync"/> or built with <see cref="Resume"/>. Default: in memory.
    /// </summary>
    public ResearchLoopBuilder RecordTo(string directory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        (_directory, _journal) = (directory, null);
        return this;
    }

    /// <summary>Records to a journal of the caller's, who also closes it.</summary>
    public ResearchLoopBuilder RecordTo(IJournal journal)
    {
        (_journal, _directory) = (journal ?? throw new ArgumentNullException(nameof(journal)), null);
        return this;
    }

    /// <summary>
    /// Commits every kept hypothesis to the run's branch, right after the journal has it. Give the workspace to the runner too
    /// (<see cref="ProcessRunnerOptions.Workspace"/>); the caller disposes of it.
    /// </summary>
    public ResearchLoopBuilder CommitTo(GitWorkspace workspace)
    {
        _workspace = workspace ?? throw new ArgumentNullException(nameof(workspace));
        return this;
    }

    /// <summary>
    /// Lets <see cref="ResearchLoop.RunAsync"/> go on with a journal that has events, and begin one that has none.
    /// </summary>
    public ResearchLoopBuilder Resume()
    {
        _resume = true;
        return this;
    }

    /// <summary>Sets options.</summary>
    public ResearchLoopBuilder Configure(Action<ResearchLoopOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(_options);
        return this;
    }

    /// <summary>Sets the seed that all other seeds derive from. Default: 0, or the recorded one when resuming.</summary>
    public ResearchLoopBuilder WithSeed(long seed)
    {
        _options.Seed = seed;
        return this;
    }

    /// <summary>Logs to a logger; the event ids are listed in docs/architecture.md. Default: none.</summary>
    public ResearchLoopBuilder WithLogger(ILogger logger)
    {
        _logger = logger ?? throw new ArgumentNullException(nameof(logger));
        return this;
    }

    /// <summary>Logs under the category <c>AutoResearch.ResearchLoop</c>.</summary>
    public ResearchLoopBuilder WithLogger(ILoggerFactory loggerFactory)
    {
        ArgumentNullException.ThrowIfNull(loggerFactory);
        return WithLogger(loggerFactory.CreateLogger<ResearchLoop>());
    }

    /// <summary>The clock for event times, time limits and waits. Default: the system's.</summary>
    public ResearchLoopBuilder WithTimeProvider(TimeProvider timeProvider)
    {
        _timeProvider = timeProvider ?? throw new ArgumentNullException(nameof(timeProvider));
        return this;
    }

    /// <summary>Builds the loop. Nothing is started or written yet.</summary>
    /// <exception cref="InvalidOperationException">A part is missing, or the builder was used before.</exception>
    /// <exception cref="ArgumentException">An option makes no sense; the message names it and its value.</exception>
    public ResearchLoop Build()
    {
        if (_built) throw new InvalidOperationException("This builder has built its loop; create a new one for another loop.");
        var loop = new ResearchLoop(new ResearchLoopConfiguration
        {
            Problem = _problem,
            Proposer = _proposer ?? throw Missing("proposer", nameof(ProposeWith)),
            Runner = _runner ?? throw Missing("runner", nameof(RunWith)),
            Acceptor = _acceptor ?? new AdaptiveRatchet(),
            Monitors = [.. _monitors],
            Policy = _policy,
            Gate = _gate,
            Approvals = _approvals,
            Options = _options.Validate(),
            Logger = _logger ?? NullLogger.Instance,
            TimeProvider = _timeProvider ?? TimeProvider.System,
            OpenJournal = OpenJournal(),
            OwnsJournal = _journal is null,
            JournalName = _directory is null ? "the journal" : $"'{_directory}'",
            Resume = _resume,
        });
        _built = true;
        return loop;
    }

    /// <summary>Fills in what was not set, from a host's services.</summary>
    internal void Default(
        IHypothesisProposer? proposer, IExperimentRunner? runner, IRatchetAcceptor? acceptor, ILoggerFactory? loggers,
        TimeProvider? clock)
    {
        _proposer ??= proposer;
        _runner ??= runner;
        _acceptor ??= acceptor;
        _logger ??= loggers?.CreateLogger<ResearchLoop>();
        _timeProvider ??= clock;
    }

    internal void DefaultGate(IApprovalGate gate, ApprovalPolicy? policy)
    {
        if (_gate is null) ApproveWith(gate, policy);
    }

    private Func<CancellationToken, ValueTask<IJournal>> OpenJournal()
    {
        var open = OpenPlainJournal();
        return _workspace is not { } workspace
            ? open
            : async token => new GitJournal(await open(token).ConfigureAwait(false), workspace);
    }

    private Func<CancellationToken, ValueTask<IJournal>> OpenPlainJournal()
    {
        if (_journal is { } journal) return _ => ValueTask.FromResult(journal);
        if (_directory is null) return _ => ValueTask.FromResult<IJournal>(Journal.InMemory());
        var (directory, options) = (_directory, new JournalOptions { Logger = _logger });
        return async token => await Journal.OpenAsync(directory, options, token).ConfigureAwait(false);
    }

    private static InvalidOperationException Missing(string part, string method) =>
        new($"The loop has no {part}; call {method} before Build.");
}
