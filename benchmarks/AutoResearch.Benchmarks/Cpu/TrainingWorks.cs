using AutoResearch.Kernels;
using AutoResearch.Pretraining;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>Whole optimizer steps of a model: forward, backward, Muon and AdamW.</summary>
internal sealed class TrainingWork : CpuWork
{
    private readonly GptModel _model;
    private readonly GptOptimizer _optimizer;
    private readonly Tape _tape;
    private readonly int[] _inputs, _targets;
    private readonly int _batch;

    public TrainingWork(TrainingShape shape, int threads)
    {
        var backend = Own(new CpuBackend(new() { Threads = threads }));
        _model = Own(new GptModel(backend, shape.Config, 1));
        _optimizer = Own(new GptOptimizer(_model, new TrainingOptions { BatchSize = shape.Batch }));
        _tape = Own(new Tape(backend));
        _batch = shape.Batch;
        var random = new Random(1);
        (_inputs, _targets) = (new int[shape.Tokens], new int[shape.Tokens]);
        for (var i = 0; i < shape.Tokens; i++)
            (_inputs[i], _targets[i]) = (random.Next(shape.Vocabulary), random.Next(shape.Vocabulary));
    }

    public override void Run()
    {
        _tape.Reset();
        var loss = _model.Loss(_tape, _tape.Input(_inputs, _inputs.Length), _tape.Input(_targets, _targets.Length), _batch);
        _tape.Backward(loss);
        if (!float.IsFinite(loss.Item())) throw new InvalidOperationException("The loss is not finite.");
        _optimizer.Step(1, 0.85, 0.2);
    }
}

/// <summary>One step of the optimizers alone, over all parameters of a model.</summary>
internal sealed class OptimizerWork : CpuWork
{
    private readonly GptOptimizer _optimizer;
    private readonly (Tensor Gradient, float[] Values)[] _gradients;

    public OptimizerWork(TrainingShape shape, int threads)
    {
        var backend = Own(new CpuBackend(new() { Threads = threads }));
        var model = Own(new GptModel(backend, shape.Config, 1));
        _optimizer = Own(new GptOptimizer(model, new TrainingOptions { BatchSize = shape.Batch }));
        var stream = 0UL;
        foreach (var parameter in model.Parameters) ParameterInitializer.Normal(parameter.Grad!, 1, 1, stream++);
        _gradients = [.. model.Parameters.Select(p => (p.Grad!, p.Grad!.ToArray()))];
    }

    public override void Prepare()
    {
        foreach (var (gradient, values) in _gradients) gradient.CopyFrom(values); // a step leaves zeros
    }

    public override void Run() => _optimizer.Step(1, 0.85, 0.2);
}

/// <summary>Several trainers at once, each with one thread of its own; a call is one step of each.</summary>
internal sealed class ParallelTrainingWork : CpuWork
{
    private readonly TrainingWork[] _trainers;
    private readonly Thread[] _threads;
    private readonly Barrier _barrier;
    private bool _stop;

    public ParallelTrainingWork(TrainingShape shape, int count)
    {
        _barrier = Own(new Barrier(count + 1));
        _trainers = [.. Enumerable.Range(0, count).Select(_ => Own(new TrainingWork(shape, 1)))];
        _threads = [.. _trainers.Select(t => new Thread(() => Loop(t)) { IsBackground = true })];
        foreach (var thread in _threads) thread.Start();
        Own(new Stop(this)); // disposed first
    }

    public override void Run()
    {
        _barrier.SignalAndWait();
        _barrier.SignalAndWait();
    }

    private void Loop(TrainingWork trainer)
    {
        while (true)
        {
            _barrier.SignalAndWait();
            if (_stop) return;
            trainer.Run();
            _barrier.SignalAndWait();
        }
    }

    private sealed class Stop(ParallelTrainingWork work) : IDisposable
    {
        public void Dispose()
        {
            work._stop = true;
            work._barrier.SignalAndWait();
            foreach (var thread in work._threads) thread.Join();
        }
    }
}
