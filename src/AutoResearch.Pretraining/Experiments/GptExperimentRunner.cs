using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>
/// Runs GPT training as experiments of a loop, in this process. A candidate's parameters are those of
/// <see cref="TrainingParameters"/>; what it leaves out comes from the defaults. Text, clock, seed and metric are the
/// runner's. Runs are made one after another: each takes all threads. Thread-safe.
/// </summary>
public sealed class GptExperimentRunner : IExperimentRunner, IDisposable
{
    private readonly PretrainingData _data;
    private readonly TrainingSetup _defaults;
    private readonly Backend _backend;
    private readonly bool _ownsBackend;
    private readonly TimeProvider _clock;
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Creates a runner.</summary>
    /// <param name="data">The text, shared by all runs.</param>
    /// <param name="defaults">Values of parameters that a candidate leaves out; the library's defaults when null.</param>
    /// <param name="backend">Where to compute, stays the caller's; a <see cref="CpuBackend"/> with all
    /// processors when null.</param>
    /// <param name="clock">Measures time; the system's clock by default.</param>
    public GptExperimentRunner(
        PretrainingData data, TrainingSetup? defaults = null, Backend? backend = null, TimeProvider? clock = null)
    {
        _data = data ?? throw new ArgumentNullException(nameof(data));
        _defaults = defaults ?? new();
        _ownsBackend = backend is null;
        _backend = backend ?? new CpuBackend();
        _clock = clock ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    public async Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        TrainingSetup setup;
        try
        {
            if (experiment.Candidate.Source is not null)
                throw new ArgumentException(
                    "This runner takes parameters only; the candidate has source files. Use a ProcessRunner for them.");
            setup = TrainingParameters.Apply(_defaults, experiment.Candidate.Parameters).Validate();
        }
        catch (ArgumentException e)
        {
            return RunResult.Failure(RunOutcome.Invalid, e.Message);
        }

        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Run(experiment, setup, progress, cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Releases the backend if it is the runner's own. No run may be under way.</summary>
    public void Dispose()
    {
        _turn.Dispose();
        if (_ownsBackend) _backend.Dispose();
    }

    private RunResult Run(
        Experiment experiment, TrainingSetup setup, IProgress<Measurement>? progress, CancellationToken cancellationToken)
    {
        var start = _clock.GetTimestamp();
        using var wall = experiment.Budget.Wall is { } limit
            ? new CancellationTokenSource(limit, _clock)
            : new CancellationTokenSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(wall.Token, cancellationToken);
        var curve = progress is IRunSteering steering ? new SteeredCurve(steering) : new Curve(progress);
        try
        {
            var run = GptExperiment.Run(_backend, _data, setup, experiment.ScaledBudget(), experiment.Seed, _clock, curve,
                cancellationToken: stop.Token);
            return Result(run, setup) with { Curve = curve.Points };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Failed(RunOutcome.TimedOut, $"The run was still going when its wall time of {experiment.Budget.Wall} ended.");
        }
        catch (OutOfMemoryException e) // CudaOutOfMemoryException is one
        {
            return Failed(RunOutcome.OutOfMemory, e.Message);
        }
        catch (CudaException e)
        {
            // The GPU or its driver failed, which says nothing about the idea.
            return Failed(RunOutcome.InfrastructureFailure, e.Message);
        }
        catch (Exception e) when (e is ArgumentException or CorpusException)
        {
            return Failed(RunOutcome.Invalid, e.Message);
        }

        RunResult Failed(RunOutcome outcome, string message) =>
            RunResult.Failure(outcome, message) with
            {
                Usage = new() { WallTime = _clock.GetElapsedTime(start) },
                Curve = curve.Points,
                Device = Device(),
            };
    }

    private RunResult Result(GptRun run, TrainingSetup setup)
    {
        var training = run.Training;
        var metrics = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["training_seconds"] = training.TrainingTime.TotalSeconds,
            ["total_tokens_M"] = training.Tokens / 1e6,
            ["num_steps"] = training.Steps,
            ["num_params_M"] = run.Size.Total / 1e6,
            ["tokens_per_second"] = training.TokensPerSecond,
            ["gflops"] = run.Gflops,
            ["peak_memory_mb"] = run.PeakMemoryBytes / 1048576.0,
        };
        if (double.IsFinite(training.TrainLoss)) metrics["train_loss"] = training.TrainLoss;
        if (training.Outcome == RunOutcome.Completed) metrics["val_bpb"] = run.ValidationBpb;
        var vocabulary = setup.Model.VocabularySize;
        return new RunResult
        {
            Outcome = training.Outcome,
            Message = training.Message,
            Metrics = metrics,
            Device = Device(),
            Hashes = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["data"] = _data.Corpus.Train.ContentHash,
                ["tokenizer"] = _data.Tokenizer(vocabulary).ContentHash,
                ["evaluator"] = _data.Validation(vocabulary, setup.Model.SequenceLength).ContentHash,
            },
            Usage = new ResourceUsage
            {
                WallTime = run.TotalTime,
                TrainingTime = training.TrainingTime,
                Steps = training.Steps,
                Tokens = training.Tokens,
                PeakMemoryBytes = run.PeakMemoryBytes,
            },
        };
    }

    private Dictionary<string, string> Device() => new(StringComparer.Ordinal)
    {
        ["backend"] = _backend.Name,
        ["cores"] = FormattableString.Invariant($"{Environment.ProcessorCount}"),
    };

    private class Curve(IProgress<Measurement>? listener) : IProgress<TrainingProgress>
    {
        private readonly LossCurve _losses = new(listener);

        public IReadOnlyList<Measurement> Points => _losses.Points;

        public void Report(TrainingProgress value)
        {
            // A loss that is not finite is not in the smoothed one: the training ends with it, or goes back.
            if (double.IsFinite(value.Loss))
                _losses.Add(new("train_loss", value.SmoothLoss, value.Step, value.Elapsed, value.Progress));
            else listener?.Report(new("train_loss", value.Loss, value.Step, value.Elapsed, value.Progress));
            listener?.Report(new("tokens_per_second", value.TokensPerSecond, value.Step, value.Elapsed, value.Progress));
            if (listener is IRunSteering)
                listener.Report(new("memory_bytes", Environment.WorkingSet, value.Step, value.Elapsed, value.Progress));
        }
    }

    private sealed class SteeredCurve : Curve, ITrainingSteering
    {
        private readonly IRunSteering _steering;

        public SteeredCurve(IRunSteering steering)
            : base(steering)
        {
            _steering = steering;
            steering.Offer(RunAbilities.LowerLearningRate | RunAbilities.RollBack);
        }

        public RunAction? Take() => _steering.Take();
    }
}
