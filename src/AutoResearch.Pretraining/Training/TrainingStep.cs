using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>
/// One optimizer step: batches, gradients, update. On a backend that computes while the host goes on, the step is a graph, the
/// next step's batches are drawn meanwhile, and the loss is looked at when the update has been made.
/// </summary>
internal sealed class TrainingStep : IDisposable
{
    private readonly GptModel _model;
    private readonly GptOptimizer _optimizer;
    private readonly Tape _tape;
    private readonly StepGraph _graph;
    private readonly Action _issue;
    private readonly Tensor _losses;
    private readonly Tensor[] _lossOf;
    private readonly float[] _values;
    private readonly int _rows, _tokens;
    private readonly double _limit;
    private Drawn _drawn, _next;
    private ITrainingBatches? _drawnFrom;
    private int _drawnEpoch;
    private (double Rate, double Momentum, double WeightDecay) _settings;
    private CancellationToken _cancellation;

    public TrainingStep(GptModel model, GptOptimizer optimizer, TrainingOptions options, double divergenceLoss)
    {
        (_model, _optimizer, _limit) = (model, optimizer, divergenceLoss);
        (_rows, _tokens) = (options.BatchSize, options.BatchSize * model.Config.SequenceLength);
        var count = options.AccumulationSteps(model.Config.SequenceLength);
        var held = (Backend.IsAsynchronous ? count : 1) * _tokens; // the host needs only what it works on
        _drawn = new(held, model.Config.MaskDocuments);
        _next = Backend.IsAsynchronous ? new(held, model.Config.MaskDocuments) : _drawn;
        _tape = new(Backend);
        _graph = Backend.CreateStepGraph();
        _issue = Issue;
        _losses = Backend.Allocate(count, DType.Float32, "losses");
        _lossOf = [.. Enumerable.Range(0, count).Select(i => _losses.Slice(i, 1))];
        _values = new float[count];
    }

    /// <summary>The pass over the text that the last step's batches came from.</summary>
    public int Epoch { get; private set; }

    /// <summary>Memory of activations, in bytes.</summary>
    public long ActivationBytes => _tape.Capacity;

    /// <summary>How often a step was replayed as a graph.</summary>
    public long Replays => _graph.Replays;

    private Backend Backend => _model.Backend;

    /// <summary>Compiles the kernels and sizes the arena before the clock starts. It changes no weight.</summary>
    public void WarmUp()
    {
        _tape.Reset();
        var loss = Loss(0, 1);
        _tape.Backward(loss);
        _optimizer.ClearGradients();
        Backend.Synchronize();
    }

    /// <summary>Runs a step; the weights change unless the loss is beyond the limit already before the update.</summary>
    /// <param name="batches">The text.</param>
    /// <param name="rate">Factor on all learning rates.</param>
    /// <param name="momentum">Muon's momentum.</param>
    /// <param name="weightDecay">Muon's weight decay.</param>
    /// <param name="cancellationToken">Stops between two batches; the gradients are zero then.</param>
    /// <returns>The mean loss of its batches; not finite or beyond the limit when the run has diverged.</returns>
    public double Run(
        ITrainingBatches batches, double rate, double momentum, double weightDecay, CancellationToken cancellationToken)
    {
        (_settings, _cancellation) = ((rate, momentum, weightDecay), cancellationToken);
        return Backend.IsAsynchronous ? RunAhead(batches) : RunInTurn(batches);
    }

    public void Dispose()
    {
        _graph.Dispose();
        _losses.Dispose();
        _tape.Dispose();
    }

    private double RunInTurn(ITrainingBatches batches)
    {
        var sum = 0.0;
        for (var i = 0; i < _values.Length; i++)
        {
            if (_cancellation.IsCancellationRequested)
            {
                _optimizer.ClearGradients();
                _cancellation.ThrowIfCancellationRequested();
            }

            Draw(batches, _drawn, 0);
            _tape.Reset();
            var loss = Loss(0, 1f / _values.Length);
            _tape.Backward(loss);
            sum += loss.Item();
            if (!double.IsFinite(sum)) return sum;
        }

        Epoch = batches.Epoch;
        var mean = sum / _values.Length;
        if (mean <= _limit) _optimizer.Step(_settings.Rate, _settings.Momentum, _settings.WeightDecay);
        return mean;
    }

    private double RunAhead(ITrainingBatches batches)
    {
        _cancellation.ThrowIfCancellationRequested();
        if (!ReferenceEquals(_drawnFrom, batches)) Draw(batches);
        (_drawn, _next) = (_next, _drawn);
        Epoch = _drawnEpoch;
        _graph.Run(_issue);
        Draw(batches);
        _losses.CopyTo(_values);
        var sum = 0.0;
        foreach (var value in _values) sum += value;
        return sum / _values.Length;
    }

    // The same operations on the same memory each time, and no look at a result: what a graph can hold.
    private void Issue()
    {
        _losses.Fill(0);
        for (var i = 0; i < _lossOf.Length; i++)
        {
            _tape.Reset();
            var loss = Loss(i, 1f / _lossOf.Length);
            _tape.Backward(loss);
            Backend.Add(loss, _lossOf[i]);
        }

        _optimizer.Step(_settings.Rate, _settings.Momentum, _settings.WeightDecay);
    }

    private Tensor Loss(int batch, float gradientScale)
    {
        var at = batch * _tokens;
        var tokens = _tape.Input(_drawn.Inputs.AsSpan(at, _tokens), _tokens);
        var targets = _tape.Input(_drawn.Targets.AsSpan(at, _tokens), _tokens);
        var documents = _drawn.Starts is null ? null : _tape.Input(_drawn.Starts.AsSpan(at, _tokens), _tokens);
        return _model.Loss(_tape, tokens, targets, _rows, gradientScale, documents);
    }

    private void Draw(ITrainingBatches batches)
    {
        _drawnFrom = null;
        for (var i = 0; i < _lossOf.Length; i++) Draw(batches, _next, i * _tokens);
        (_drawnFrom, _drawnEpoch) = (batches, batches.Epoch);
    }

    private void Draw(ITrainingBatches batches, Drawn into, int at) =>
        batches.Next(into.Inputs.AsSpan(at, _tokens), into.Targets.AsSpan(at, _tokens),
            into.Starts is null ? default : into.Starts.AsSpan(at, _tokens));

    private sealed class Drawn(int count, bool documents)
    {
        public int[] Inputs { get; } = new int[count];

        public int[] Targets { get; } = new int[count];

        public int[]? Starts { get; } = documents ? new int[count] : null;
    }
}
