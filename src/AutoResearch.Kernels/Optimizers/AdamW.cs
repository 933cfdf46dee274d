namespace AutoResearch.Kernels;

/// <summary>
/// AdamW with decoupled weight decay and bias correction (Loshchilov and Hutter 2019, arXiv:1711.05101) over groups of parameters
/// with their own settings; one pass over all tensors. The gradients are zero afterwards.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly Backend _backend;
    private readonly List<(Tensor Parameter, Tensor First, Tensor Second, AdamWOptions Options)> _states = [];
    private AdamWUpdate[] _updates = [];

    /// <summary>Creates an optimizer without parameters.</summary>
    /// <param name="backend">Where the parameters live.</param>
    public AdamW(Backend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        _backend = backend;
    }

    /// <summary>Steps taken so far. Set it only to continue from a checkpoint, together with <see cref="States"/>.</summary>
    public int Steps { get; set; }

    /// <summary>Each parameter with its two moments, for checkpoints.</summary>
    public IEnumerable<(Tensor Parameter, Tensor First, Tensor Second)> States =>
        _states.Select(s => (s.Parameter, s.First, s.Second));

    /// <summary>Adds parameters that share settings.</summary>
    /// <param name="options">The settings; kept, so that later changes take effect.</param>
    /// <param name="parameters">Tensors with a gradient.</param>
    public void Add(AdamWOptions options, params ReadOnlySpan<Tensor> parameters)
    {
        ArgumentNullException.ThrowIfNull(options);
        foreach (var parameter in parameters)
        {
            if (parameter.Grad is null)
                throw new ArgumentException($"{parameter} has no gradient: make it with Backend.Parameter.", nameof(parameters));
            _states.Add((parameter, _backend.Allocate(parameter.Shape), _backend.Allocate(parameter.Shape), options));
        }

        _updates = new AdamWUpdate[_states.Count];
    }

    /// <summary>Updates all parameters and sets their gradients to zero.</summary>
    public void Step()
    {
        Steps++;
        for (var i = 0; i < _updates.Length; i++)
        {
            var (parameter, first, second, o) = _states[i];
            _updates[i] = new(parameter, first, second, o.LearningRate, o.Beta1, o.Beta2, o.Epsilon, o.WeightDecay, Steps);
        }

        _backend.AdamWStep(_updates, clearGradients: true);
    }

    /// <summary>Releases the moments. The parameters are not touched.</summary>
    public void Dispose()
    {
        foreach (var state in _states)
        {
            state.First.Dispose();
            state.Second.Dispose();
        }

        _states.Clear();
        _updates = [];
    }
}
