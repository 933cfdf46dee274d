using System.Globalization;

namespace AutoResearch.Pretraining;

/// <summary>Trains a model within a budget. Not thread-safe.</summary>
public sealed class GptTrainer : IDisposable
{
    private readonly GptOptimizer _optimizer;
    private readonly Schedule _schedule;
    private readonly TrainingStep _step;
    private readonly TimeProvider _clock;
    private readonly GptSize _size;
    private readonly double _divergenceLoss;
    private SmoothedLoss _smoothLoss;
    private TimeSpan _trainingTime;

    /// <summary>Prepares the training of a model.</summary>
    /// <param name="model">The model; stays the caller's.</param>
    /// <param name="options">How to train.</param>
    /// <param name="clock">Measures training time; the system's clock by default.</param>
    /// <exception cref="ArgumentException">The options are impossible; the message names the value and the fix.</exception>
    public GptTrainer(GptModel model, TrainingOptions options, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        (Model, Options) = (model, options.Validate(model.Config.SequenceLength));
        _clock = clock ?? TimeProvider.System;
        _optimizer = new(model, options);
        _schedule = new(options);
        _size = GptSize.Of(model.Config);
        _divergenceLoss = options.DivergenceLoss > 0 ? options.DivergenceLoss : Math.Log(model.Config.VocabularySize) + 5;
        _step = new(model, _optimizer, options, _divergenceLoss);
    }

    /// <summary>The model.</summary>
    public GptModel Model { get; }

    /// <summary>How it is trained.</summary>
    public TrainingOptions Options { get; }

    /// <summary>Optimizer steps made.</summary>
    public long Steps { get; private set; }

    /// <summary>Training time spent.</summary>
    public TimeSpan TrainingTime => _trainingTime;

    /// <summary>
    /// Trains until the budget is used up. Counted limits (steps, tokens, FLOPs) are never exceeded; a step that would
    /// probably end after the training time is up is not begun. Called again after a cancellation or on a loaded checkpoint,
    /// it continues; the batches must then stand where they stood (<see cref="ITrainingBatches.Skip"/>). On a GPU one step's
    /// batches are drawn ahead; when it continues with the same object, those are trained on first.
    /// </summary>
    /// <param name="batches">Training text, of this model's sequence length and these options' batch size.</param>
    /// <param name="budget">Training time, steps, tokens or FLOPs, counted from the first step of all.</param>
    /// <param name="progress">Told after every step; outside the step, but within the training time. May be an
    /// <see cref="ITrainingSteering"/>.</param>
    /// <param name="cancellationToken">Stops between two batches; the step under way is dropped.</param>
    /// <exception cref="ArgumentException">The batches do not fit, or the budget limits nothing or less than
    /// one step.</exception>
    public TrainingReport Train(
        ITrainingBatches batches, Budget budget, IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batches);
        ArgumentNullException.ThrowIfNull(budget);
        if (batches.BatchSize != Options.BatchSize || batches.SequenceLength != Model.Config.SequenceLength)
            throw new ArgumentException($"The batches are {batches.BatchSize} × {batches.SequenceLength}, "
                + $"but {Options.BatchSize} × {Model.Config.SequenceLength} is configured.", nameof(batches));
        var meter = new BudgetMeter(budget, Options.TokensPerStep(batches.SequenceLength), _size.FlopsPerToken, _clock);
        meter.Restore(Steps, _trainingTime);
        _step.WarmUp();
        var steering = progress as ITrainingSteering;
        var good = steering is null ? null : new LastGoodStates(Model, _optimizer);
        good?.Keep(Steps, meter.Progress, _smoothLoss);
        meter.Start();
        try
        {
            while (meter.CanStep)
            {
                var used = meter.Progress;
                var rate = _schedule.LearningRate(used) * LearningRateFactor;
                var loss = _step.Run(batches, rate, _schedule.Momentum(meter.Steps), _schedule.WeightDecay(used),
                    cancellationToken);
                if (!(loss <= _divergenceLoss))
                {
                    if (!Recovered(loss)) return Diverged(meter, loss);
                    continue;
                }

                _smoothLoss.Add(loss);
                meter.StepDone();
                Steps = meter.Steps;
                progress?.Report(ProgressOf(loss, rate));
                if (steering is not null) Steer(steering.Take());
            }
        }
        finally
        {
            meter.Stop();
            _trainingTime = meter.Elapsed;
        }

        return Report(meter, RunOutcome.Completed, null);

        TrainingProgress ProgressOf(double loss, double rate) => new(meter.Steps, loss, _smoothLoss.Value, rate,
            Options.TokensPerStep(batches.SequenceLength) / Math.Max(1e-9, meter.StepSeconds), meter.Elapsed, meter.Progress,
            _step.Epoch);

        // A step that failed has cost its tokens and its time like any other; the data after it follow.
        bool Recovered(double loss)
        {
            if (steering is null) return false;
            meter.StepDone();
            Steps = meter.Steps;
            steering.Report(ProgressOf(double.IsNaN(loss) ? loss : double.PositiveInfinity, 0));
            if (steering.Take() is not { Kind: RunActionKind.RollBack } action) return false;
            _optimizer.ClearGradients();
            Steer(action);
            return true;
        }

        void Steer(RunAction? action)
        {
            if (action is not { Kind: RunActionKind.LowerLearningRate or RunActionKind.RollBack })
            {
                if (good!.IsDue(Steps, meter.Progress)) Paused(() => good.Keep(Steps, meter.Progress, _smoothLoss));
                return;
            }
            LearningRateFactor *= action.LearningRateFactor;
            if (action.Kind == RunActionKind.RollBack) Paused(() => _smoothLoss = good!.GoBack(Steps));
        }

        // Checkpoints cost no training time.
        void Paused(Action work)
        {
            meter.Stop();
            work();
            meter.Start();
        }
    }

    /// <summary>
    /// What all learning rates are multiplied by, beside the schedule; less than 1 after
    /// <see cref="ITrainingSteering"/> lowered them.
    /// </summary>
    public double LearningRateFactor { get; private set; } = 1;

    /// <summary>Saves weights, optimizer state and position as one safetensors file, replaced atomically.</summary>
    public void Save(string path) => Checkpoint.Save(path, this, _optimizer, _smoothLoss);

    /// <summary>Loads a checkpoint of the same shape, so that training continues bit for bit.</summary>
    /// <exception cref="InvalidDataException">The file is no checkpoint of such a model; the message names
    /// the tensor.</exception>
    public void Load(string path) =>
        (Steps, _trainingTime, _smoothLoss, LearningRateFactor) = Checkpoint.Load(path, this, _optimizer);

    /// <summary>Releases optimizer state and activations; the model stays.</summary>
    public void Dispose()
    {
        _optimizer.Dispose();
        _step.Dispose();
    }

    /// <summary>Memory of activations, in bytes.</summary>
    internal long ActivationBytes => _step.ActivationBytes;

    /// <summary>How often a step was replayed as a recorded graph.</summary>
    internal long Replays => _step.Replays;

    private TrainingReport Diverged(BudgetMeter meter, double loss)
    {
        var report = Report(meter, RunOutcome.Diverged, string.Create(CultureInfo.InvariantCulture, $"The training loss became "
            + $"{loss:g4} at step {meter.Steps + 1} (limit {_divergenceLoss:g4}); lower the learning rates."));
        _optimizer.ClearGradients();
        return report;
    }

    private TrainingReport Report(BudgetMeter meter, RunOutcome outcome, string? message) => new()
    {
        Outcome = outcome,
        Message = message,
        TrainLoss = _smoothLoss.Value,
        TrainingTime = meter.Elapsed,
        Steps = meter.Steps,
        Tokens = meter.Tokens,
        Progress = meter.Progress,
    };
}
