using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>One complete run: builds the model, trains it within a budget and scores it outside the training time.</summary>
public static class GptExperiment
{
    /// <summary>Runs it.</summary>
    /// <param name="backend">Where it computes; used by this run alone while it lasts.</param>
    /// <param name="data">The text.</param>
    /// <param name="setup">Model and training.</param>
    /// <param name="budget">Training time, steps, tokens or FLOPs.</param>
    /// <param name="seed">Decides the initial weights and the order of the text.</param>
    /// <param name="clock">Measures time; the system's clock by default.</param>
    /// <param name="progress">Told after every step. May be an <see cref="ITrainingSteering"/>.</param>
    /// <param name="checkpoint">A file of <see cref="GptTrainer.Save"/> to continue from; null to begin anew.</param>
    /// <param name="finish">Called with the trained model before it is released, e.g. to save it; null for nothing.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <exception cref="ArgumentException">The setup or the budget is impossible.</exception>
    /// <exception cref="CorpusException">The text holds less than one batch.</exception>
    /// <exception cref="OutOfMemoryException">The model does not fit into memory.</exception>
    public static GptRun Run(
        Backend backend, PretrainingData data, TrainingSetup setup, Budget budget, long seed,
        TimeProvider? clock = null, IProgress<TrainingProgress>? progress = null, string? checkpoint = null,
        Action<GptTrainer>? finish = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(setup);
        clock ??= TimeProvider.System;
        var start = clock.GetTimestamp();
        var asked = setup.Validate().Model.VocabularySize;
        var documents = data.Train(asked, cancellationToken);
        // A small text yields fewer entries than were asked for.
        setup = setup with { Model = setup.Model with { VocabularySize = documents.Tokenizer.VocabularySize } };
        var validation = data.Validation(asked, setup.Model.SequenceLength);
        var batches = new PackedBatches(documents, setup.Training.BatchSize, setup.Model.SequenceLength, (ulong)seed);
        var size = GptSize.Of(setup.Model);
        CheckMemory(size, backend.TotalMemory);
        using var model = new GptModel(backend, setup.Model, seed);
        using var trainer = new GptTrainer(model, setup.Training, clock);
        if (checkpoint is not null)
        {
            trainer.Load(checkpoint);
            batches.Skip(trainer.Steps * setup.Training.AccumulationSteps(setup.Model.SequenceLength));
        }

        var memory = progress is ITrainingSteering steering
            ? new SteeredMemoryWatch(backend, budget.MemoryBytes, steering)
            : new MemoryWatch(backend, budget.MemoryBytes, progress);
        var report = trainer.Train(batches, budget, memory, cancellationToken);
        var bpb = report.Outcome == RunOutcome.Completed
            ? BitsPerByte.Evaluate(model, validation, Math.Min(setup.Training.BatchSize, 32), cancellationToken)
            : double.NaN;
        if (report.Outcome == RunOutcome.Completed && !double.IsFinite(bpb))
            report = report with
            {
                Outcome = RunOutcome.Diverged,
                Message = "The weights are not finite after the last step; lower the learning rates.",
            };
        memory.Sample();
        finish?.Invoke(trainer);
        return new(report, bpb, size, clock.GetElapsedTime(start), memory.Peak);
    }

    // Weights, gradients and two moments; asked before a Linux host overcommits and kills the process instead.
    private static void CheckMemory(GptSize size, long have)
    {
        var need = size.Total * 16;
        if (need > have)
            throw new InsufficientMemoryException(
                $"{size.Total / 1e6:N1} million parameters need at least {need >> 20:N0} MiB for weights, gradients and "
                + $"moments, and this machine has {have >> 20:N0} MiB; lower depth, dim or vocab.");
    }

    private sealed class SteeredMemoryWatch(Backend backend, long? limit, ITrainingSteering inner)
        : MemoryWatch(backend, limit, inner), ITrainingSteering
    {
        public RunAction? Take() => inner.Take();
    }

    private class MemoryWatch(Backend backend, long? limit, IProgress<TrainingProgress>? inner) : IProgress<TrainingProgress>
    {
        public long Peak { get; private set; }

        public void Sample() => Peak = Math.Max(Peak, backend.UsedMemory);

        public void Report(TrainingProgress value)
        {
            Sample();
            if (Peak > limit)
                throw new InsufficientMemoryException(
                    $"The run used {Peak >> 20:N0} MiB, more than its budget of {limit >> 20:N0} MiB.");
            inner?.Report(value);
        }
    }
}
