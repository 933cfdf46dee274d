using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>
/// The last two kept states of a training, in host memory: weights and optimizer. Trouble shows some steps after it began, so
/// going back takes the newest state that is old enough.
/// </summary>
internal sealed class LastGoodStates(GptModel model, GptOptimizer optimizer)
{
    private const int Settled = 10; // steps without trouble after which a state counts as good
    private const double Interval = 0.05; // of the budget

    private readonly Tensor[] _tensors = [.. model.Parameters, .. optimizer.State.Select(s => s.Tensor)];
    private State? _older;
    private State? _newer;

    /// <summary>Whether the last state is old enough to keep another.</summary>
    public bool IsDue(long step, double progress) =>
        _newer is not { } last || (step >= last.Step + Settled && progress >= last.Progress + Interval);

    /// <summary>Keeps the present state.</summary>
    public void Keep(long step, double progress, SmoothedLoss loss)
    {
        var state = _older ?? new State([.. _tensors.Select(t => new float[t.ElementCount])]);
        for (var i = 0; i < _tensors.Length; i++) _tensors[i].CopyTo(state.Values[i]);
        (state.Step, state.Progress, state.Loss, state.OptimizerSteps) = (step, progress, loss, optimizer.Steps);
        (_older, _newer) = (_newer, state);
    }

    /// <summary>Goes back and returns the smoothed loss of that state. The state stays, to go back to it again.</summary>
    public SmoothedLoss GoBack(long step)
    {
        var state = _newer is { } newer && (step >= newer.Step + Settled || _older is null) ? newer : _older
            ?? throw new InvalidOperationException("No state was kept to go back to.");
        for (var i = 0; i < _tensors.Length; i++) _tensors[i].CopyFrom(state.Values[i]);
        optimizer.Restore(state.OptimizerSteps);
        // The newer one is of the bad stretch: its memory is used next
        if (!ReferenceEquals(state, _newer)) (_older, _newer) = (_newer, state);
        state.Step = step; // it is good for steps from here on
        return state.Loss;
    }

    private sealed class State(float[][] values)
    {
        public float[][] Values => values;

        public long Step { get; set; }

        public double Progress { get; set; }

        public long OptimizerSteps { get; set; }

        public SmoothedLoss Loss { get; set; }
    }
}
