namespace AutoResearch.Kernels;

/// <summary>
/// Muon (Jordan et al. 2024): momentum whose update is the nearest orthogonal matrix, found by the Polar Express iteration (Amsel et
/// al. 2025, arXiv:2505.16932), with NorMuon's variance reduction and cautious weight decay. Matrices of one shape are stepped as a
/// batch. The gradients are zero afterwards.
/// </summary>
/// <remarks>The iteration runs in <see cref="Backend.ActivationType"/>: bfloat16 on an accelerator, as in autoresearch, and single
/// precision on the CPU, where the polar factor is more exact.</remarks>
public sealed class Muon : IDisposable
{
    // Odd polynomials a·x + b·x³ + c·x⁵ of the paper's method for singular values down to 1e-3, with a safety factor of 1.02.
    private static readonly (float A, float B, float C)[] Coefficients =
    [
        (8.156554524902461f, -22.48329292557795f, 15.878769915207462f),
        (4.042929935166739f, -2.808917465908714f, 0.5000178451051316f),
        (3.8916678022926607f, -2.772484153217685f, 0.5060648178503393f),
        (3.285753657755655f, -2.3681294933425376f, 0.46449024233003106f),
        (2.3465413258596377f, -1.7097828382687081f, 0.42323551169305323f),
    ];

    private readonly Backend _backend;
    private readonly List<Group> _groups = [];

    /// <summary>Creates an optimizer for matrices.</summary>
    /// <param name="backend">Where the parameters live.</param>
    /// <param name="options">The settings; kept, so that later changes take effect.</param>
    /// <param name="parameters">Matrices with a gradient. Views such as the parts of a fused projection count as matrices of their own.</param>
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
                throw new ArgumentException($"Muon trains matrices with a gradient, but got {parameter}. Give it to AdamW.", nameof(parameters));
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
        if (Options.Iterations < 1 || Options.Iterations > Coefficients.Length)
            throw new InvalidOperationException($"MuonOptions.Iterations ({Options.Iterations}) must be 1 to {Coefficients.Length}.");
        foreach (var group in _groups)
        {
            _backend.MuonMomentum(group.Parameters, group.Momentum, group.Direction, Options.Momentum, clearGradients: true);
            var polar = Orthogonalize(group);
            _backend.MuonUpdate(
                polar, group.Parameters, group.SecondMoment, Options.LearningRate * group.RateFactor, Options.WeightDecay, Options.Beta2);
        }
    }

    /// <summary>Releases momentum, moments and workspace. The parameters are not touched.</summary>
    public void Dispose()
    {
        foreach (var group in _groups) group.Dispose();
        _groups.Clear();
    }

    // x ← (a·I + b·G + c·G²) · x with the Gram matrix G of the shorter side; two buffers change places.
    private Tensor Orthogonalize(Group group)
    {
        var (x, next) = (group.Direction, group.Scratch);
        for (var i = 0; i < Options.Iterations; i++)
        {
            var (a, b, c) = Coefficients[i];
            _backend.MatMul(x, x, group.Gram, transposeA: group.Tall, transposeB: !group.Tall);
            _backend.MatMul(group.Gram, group.Gram, group.Square);
            _backend.PolarPolynomial(group.Gram, group.Square, a, b, c);
            if (group.Tall) _backend.MatMul(x, group.Square, next);
            else _backend.MatMul(group.Square, x, next);
            (x, next) = (next, x);
        }

        return x;
    }

    private sealed class Group : IDisposable
    {
        internal Group(Backend backend, Tensor[] parameters)
        {
            Parameters = parameters;
            var (count, rows, columns) = (parameters.Length, parameters[0].Shape[0], parameters[0].Shape[1]);
            var side = Math.Min(rows, columns);
            Tall = rows > columns;
            RateFactor = MathF.Sqrt(Math.Max(1f, (float)rows / columns));
            Momentum = backend.Allocate((count, rows, columns));
            SecondMoment = backend.Allocate((count, Math.Max(rows, columns)));
            Direction = backend.Allocate((count, rows, columns), backend.ActivationType);
            Scratch = backend.Allocate((count, rows, columns), backend.ActivationType);
            Gram = backend.Allocate((count, side, side), backend.ActivationType);
            Square = backend.Allocate((count, side, side), backend.ActivationType);
        }

        internal Tensor[] Parameters { get; }

        internal bool Tall { get; }

        internal float RateFactor { get; }

        internal Tensor Momentum { get; }

        internal Tensor SecondMoment { get; }

        internal Tensor Direction { get; }

        internal Tensor Scratch { get; }

        internal Tensor Gram { get; }

        internal Tensor Square { get; }

        public void Dispose()
        {
            Momentum.Dispose();
            SecondMoment.Dispose();
            Direction.Dispose();
            Scratch.Dispose();
            Gram.Dispose();
            Square.Dispose();
        }
    }
}
