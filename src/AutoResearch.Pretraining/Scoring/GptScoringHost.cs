using System.Security.Cryptography;

namespace AutoResearch.Pretraining;

/// <summary>
/// Runs candidates that bring a model, an optimizer and a step, and owns the rest: it feeds them text while its clock runs, asks
/// for logits once the training is over, and works out <c>val_bpb</c> itself. A candidate never sees a target of the validation
/// text and never states a metric; what its answers depend on is tested. For <see cref="ProcessRunnerOptions.Host"/>.
/// </summary>
/// <remarks>
/// Outcomes: <see cref="RunOutcome.Invalid"/> for answers that depend on later tokens, other rows or chance, for wrong shapes and
/// for what keeps to no protocol; <see cref="RunOutcome.TimedOut"/> for late answers and training past its time;
/// <see cref="RunOutcome.Diverged"/> for logits that are not finite; <see cref="RunOutcome.Crashed"/> for a program that ends too
/// early. Metrics: <c>val_bpb</c>, <c>training_seconds</c>, <c>num_steps</c> (batches), <c>total_tokens_M</c>,
/// <c>tokens_per_second</c>, <c>startup_seconds</c>, <c>evaluation_seconds</c>; none comes from the candidate. The candidate's
/// side is <see cref="TrainingSession"/>; docs/scoring.md has the protocol, what it covers, and what it does not. Thread-safe.
/// </remarks>
public sealed class GptScoringHost : IProgramHost
{
    private readonly PretrainingData _data;
    private readonly ScoringOptions _options;
    private readonly TimeProvider _clock;
    private readonly Lock _lock = new();
    private ScoringData? _prepared;

    /// <summary>Creates a host.</summary>
    /// <param name="data">The text, shared by all runs.</param>
    /// <param name="options">How to train, ask and check; null for the defaults. Do not change them afterwards.</param>
    /// <param name="clock">Measures the budget; the system's clock when null.</param>
    /// <exception cref="ArgumentException">An option makes no sense; the message says which.</exception>
    public GptScoringHost(PretrainingData data, ScoringOptions? options = null, TimeProvider? clock = null)
    {
        _data = data ?? throw new ArgumentNullException(nameof(data));
        _options = (options ?? new()).Validate();
        _clock = clock ?? TimeProvider.System;
    }

    /// <summary>Draws secret numbers below a limit; a seam for tests.</summary>
    internal Func<int, int> Secret { get; init; } = RandomNumberGenerator.GetInt32;

    /// <summary>Tokenizes and lays out the text now instead of before the first run.</summary>
    /// <exception cref="CorpusException">The text is too small.</exception>
    public void Prepare() => _ = Data();

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The budget does not limit the training, or limits FLOPs, which a host
    /// cannot count.</exception>
    public async ValueTask<IProgramSession> OpenAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        var budget = experiment.Budget;
        if (budget.Flops is not null)
            throw new ArgumentException("A scoring host cannot count FLOPs; set training time, steps (batches) or tokens.");
        if (budget is { Training: null, Steps: null, Tokens: null })
            throw new ArgumentException("The budget does not limit the training; set training time, steps (batches) or tokens.");
        var data = await Task.Run(Data, cancellationToken).ConfigureAwait(false);
        return new ScoringSession(data, _options, _clock, Secret, experiment, progress);
    }

    private ScoringData Data()
    {
        lock (_lock) return _prepared ??= ScoringData.Create(_data, _options);
    }
}
