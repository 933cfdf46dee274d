namespace AutoResearch.Kernels;

/// <summary>
/// Muon (Jordan et al. 2024): momentum whose update is the nearest orthogonal matrix, found by the Polar Express iteration (Amsel
/// et al. 2025, arXiv:2505.16932), with NorMuon's variance reduction and cautious weight decay. Matrices of one shape are stepped
/// as a batch. The gradients are zero afterwards.
/// </summary>
/// <remarks>The iteration runs in <see cref="Backend.ActivationType"/>: bfloat16 on an accelerator, as in autoresearch, and
/// single precision on the CPU, where the polar factor is more exact.</remarks>
public sealed class Muon : IDisposable
{
    private readonly Backend _backend;
    private readonly List<Group> _groups = [];

    /// <summary>Creates an optimizer for matrices.</summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="options">The settings; kept, so that later changes take effect.</param>
    /// <param name="parameters">Matrices with a gradient. Views such as the parts of a fused projection count as matrices
    /// of their own.</param>
    /// <exception cref="ArgumentException">A parameter is not a matrix or has no gradient.</exception>
    public Muon(Backend backend, MuonOptions options, params ReadOnlySpan<Tensor> parameters)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(options);
        _backend = backend;
        Options = options;
        var byShape = new Dictionary<Shape, List<Tensor>>();
        foreach (var parameter in parameters)
        {
            if (parameter.Shape.Rank != 2 || parameter.Grad is null)
                throw new ArgumentException($"Muon trains matrices with a gradient, but got {parameter}. Give it to AdamW.",
                    nameof(parameters));
            if (!byShape.TryGetValue(parameter.Shape, out var same)) byShape.Add(parameter.Shape, same = []);
            same.Add(parameter);
        }

        foreach (var (_, same) in byShape) _groups.Add(new Group(backend, [.. same]));
    }

    /// <summary>The settings.</summary>
    public MuonOptions Options { get; }

    /// <summary>Each matrix with its momentum and its second moment per row or column, for checkpoints.</summary>
    public IEnumerable<(Tensor Parameter, Tensor Momentum, Tensor SecondMoment)> States => _groups.SelectMany(g =>
        g.Parameters.Select((p, i) => (p, g.Momentum.Slice(i, 1).View(p.Shape), g.SecondMoment.Slice(i, 1))));

    /// <summary>Updates all matrices and sets their gradients to zero.</summary>
    public void Step()
    {
        if (Options.Iterations < 1 || Options.Iterations > PolarExpress.MaxIterations)
            throw new InvalidOperationException(
                $"MuonOptions.Iterations ({Options.Iterations}) must be 1 to {PolarExpress.MaxIterations}.");
        foreach (var group in _groups)
        {
            _backend.MuonMomentum(group.Parameters, group.Momentum, group.Direction, Options.Momentum, clearGradients: true);
            var polar = group.Polar.Run(group.Direction, Options.Iterations);
            _backend.MuonUpdate(
                polar, group.Parameters, group.SecondMoment, Options.LearningRate * group.RateFactor, Options.WeightDecay,
                Options.Beta2);
        }
    }

    /// <summary>Releases momentum, moments and workspace. The parameters are not touched.</summary>
    public void Dispose()
    {
        foreach (var group in _groups) group.Dispose();
        _groups.Clear();
    }

    private sealed class Group : IDisposable
    {
        internal Group(Backend backend, Tensor[] parameters)
        {
            Parameters = parameters;
            var (count, rows, columns) = (parameters.Length, parameters[0].Shape[0], parameters[0].Shape[1]);
            RateFactor = MathF.Sqrt(Math.Max(1f, (float)rows / columns));
            Momentum = backend.Allocate((count, rows, columns));
            SecondMoment = backend.Allocate((count, Math.Max(rows, columns)));
            Direction = backend.Allocate((count, rows, columns), backend.ActivationType);
            Polar = new(backend, count, rows, columns);
        }

        internal Tensor[] Parameters { get; }

        internal float RateFactor { get; }

        internal Tensor Momentum { get; }

        internal Tensor SecondMoment { get; }

        internal Tensor Direction { get; }

        internal PolarExpress Polar { get; }

        public void Dispose()
        {
            Momentum.Dispose();
            SecondMoment.Dispose();
            Direction.Dispose();
            Polar.Dispose();
        }
    }
}
