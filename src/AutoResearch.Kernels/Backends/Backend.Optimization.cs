namespace AutoResearch.Kernels;

public abstract partial class Backend
{
    /// <summary>One AdamW step (Loshchilov and Hutter 2019, arXiv:1711.05101) over many tensors in one pass.</summary>
    /// <param name="updates">The tensors and their settings.</param>
    /// <param name="clearGradients">Set the gradients to zero while they are in the cache.</param>
    public void AdamWStep(ReadOnlySpan<AdamWUpdate> updates, bool clearGradients)
    {
        foreach (ref readonly var update in updates)
        {
            CheckTrained(update.Parameter);
            PerRow(update.FirstMoment, nameof(update.FirstMoment), update.Parameter.ElementCount);
            PerRow(update.SecondMoment, nameof(update.SecondMoment), update.Parameter.ElementCount);
            if (update.Step < 1) throw new ArgumentException($"Step ({update.Step}) counts from 1.", nameof(updates));
        }

        AdamWStepCore(updates, clearGradients);
    }

    /// <summary>
    /// First part of a Muon step: updates the momentum with the gradients, forms the Nesterov direction and divides each matrix
    /// by its Frobenius norm · 1.02 + 1e-6, so that its singular values lie below 1.
    /// </summary>
    /// <param name="parameters">Matrices of one shape; their gradients are read.</param>
    /// <param name="momentum"><c>[matrices, rows, columns]</c>, updated.</param>
    /// <param name="x">Same shape: the normalised directions, overwritten.</param>
    /// <param name="beta">Decay of the momentum.</param>
    /// <param name="clearGradients">Set the gradients to zero.</param>
    public void MuonMomentum(ReadOnlySpan<Tensor> parameters, Tensor momentum, Tensor x, float beta, bool clearGradients)
    {
        CheckMuon(parameters);
        var (rows, columns) = (parameters.Length * parameters[0].Shape.Rows, parameters[0].Shape.Columns);
        Float(momentum, nameof(momentum), rows, columns);
        Active(x, nameof(x), rows, columns);
        MuonMomentumCore(parameters, momentum, x, beta, clearGradients);
    }

    /// <summary>Elementwise part of a Polar Express iteration: <c>square = c · square + b · gram + a · identity</c>.</summary>
    /// <param name="gram">Gram matrices <c>[matrices, n, n]</c>.</param>
    /// <param name="square">Their squares, in place.</param>
    /// <param name="a">Factor of the identity.</param>
    /// <param name="b">Factor of the Gram matrix.</param>
    /// <param name="c">Factor of its square.</param>
    public void PolarPolynomial(Tensor gram, Tensor square, float a, float b, float c)
    {
        var (batch, rows, columns) = Batched(gram, nameof(gram));
        if (rows != columns)
            throw new ArgumentException($"Gram matrices are square, but the shape is {gram.Shape}.", nameof(gram));
        Active(square, nameof(square), (long)batch * rows, columns);
        PolarPolynomialCore(gram, square, a, b, c);
    }

    /// <summary>
    /// Last part of a Muon step: NorMuon's variance reduction (a running second moment per row, or per column of wide matrices,
    /// at unchanged total norm; Li et al. 2025, arXiv:2510.05491), cautious weight decay (Chen et al. 2025,
    /// arXiv:2510.12402), update.
    /// </summary>
    /// <param name="x">Orthogonalised directions <c>[matrices, rows, columns]</c>.</param>
    /// <param name="parameters">Matrices of one shape, updated.</param>
    /// <param name="secondMoment"><c>[matrices, rows]</c> when rows ≥ columns, else <c>[matrices, columns]</c>; updated.</param>
    /// <param name="learningRate">Step size.</param>
    /// <param name="weightDecay">Decay, applied only where update and weight have the same sign.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    public void MuonUpdate(
        Tensor x, ReadOnlySpan<Tensor> parameters, Tensor secondMoment, float learningRate, float weightDecay, float beta2)
    {
        CheckMuon(parameters);
        var shape = parameters[0].Shape;
        Active(x, nameof(x), parameters.Length * shape.Rows, shape.Columns);
        PerRow(secondMoment, nameof(secondMoment), parameters.Length * Math.Max(shape.Rows, shape.Columns));
        MuonUpdateCore(x, parameters, secondMoment, learningRate, weightDecay, beta2);
    }

    /// <summary>Euclidean norm of all gradients together. Infinite or NaN exactly when a gradient is not finite.</summary>
    /// <param name="parameters">Tensors with a gradient.</param>
    /// <returns>The norm.</returns>
    public double GradientNorm(ReadOnlySpan<Tensor> parameters)
    {
        foreach (var parameter in parameters) CheckTrained(parameter);
        return GradientNormCore(parameters);
    }

    /// <summary>
    /// Scales the gradients down so that their norm is at most <paramref name="limit"/>; shorter ones stay as they are.
    /// </summary>
    /// <param name="parameters">Tensors with a gradient.</param>
    /// <param name="limit">Largest Euclidean norm of all gradients together, positive.</param>
    public void ClipGradients(ReadOnlySpan<Tensor> parameters, double limit)
    {
        foreach (var parameter in parameters) CheckTrained(parameter);
        if (!(limit > 0)) throw new ArgumentOutOfRangeException(nameof(limit), limit, "The largest norm must be positive.");
        ClipGradientsCore(parameters, limit);
    }

    /// <summary>Implements <see cref="AdamWStep"/>.</summary>
    /// <param name="updates">Tensors and settings.</param>
    /// <param name="clearGradients">Zero the gradients.</param>
    protected abstract void AdamWStepCore(ReadOnlySpan<AdamWUpdate> updates, bool clearGradients);

    /// <summary>Implements <see cref="MuonMomentum"/>.</summary>
    /// <param name="parameters">Matrices.</param>
    /// <param name="momentum">Momentum.</param>
    /// <param name="x">Directions.</param>
    /// <param name="beta">Decay.</param>
    /// <param name="clearGradients">Zero the gradients.</param>
    protected abstract void MuonMomentumCore(
        ReadOnlySpan<Tensor> parameters, Tensor momentum, Tensor x, float beta, bool clearGradients);

    /// <summary>Implements <see cref="PolarPolynomial"/>.</summary>
    /// <param name="gram">Gram matrices.</param>
    /// <param name="square">Their squares.</param>
    /// <param name="a">Factor of the identity.</param>
    /// <param name="b">Factor of the Gram matrix.</param>
    /// <param name="c">Factor of its square.</param>
    protected abstract void PolarPolynomialCore(Tensor gram, Tensor square, float a, float b, float c);

    /// <summary>Implements <see cref="MuonUpdate"/>.</summary>
    /// <param name="x">Directions.</param>
    /// <param name="parameters">Matrices.</param>
    /// <param name="secondMoment">Second moment.</param>
    /// <param name="learningRate">Step size.</param>
    /// <param name="weightDecay">Decay.</param>
    /// <param name="beta2">Decay of the second moment.</param>
    protected abstract void MuonUpdateCore(
        Tensor x, ReadOnlySpan<Tensor> parameters, Tensor secondMoment, float learningRate, float weightDecay, float beta2);

    /// <summary>Implements <see cref="GradientNorm"/>.</summary>
    /// <param name="parameters">Tensors with a gradient.</param>
    /// <returns>The norm.</returns>
    protected abstract double GradientNormCore(ReadOnlySpan<Tensor> parameters);

    /// <summary>Implements <see cref="ClipGradients"/>; this implementation waits for the norm.</summary>
    /// <param name="parameters">Tensors with a gradient.</param>
    /// <param name="limit">Largest norm.</param>
    protected virtual void ClipGradientsCore(ReadOnlySpan<Tensor> parameters, double limit)
    {
        var norm = GradientNormCore(parameters);
        if (!(norm > limit)) return;
        var scale = (float)(limit / norm);
        foreach (var parameter in parameters) ScaleCore(parameter.Grad!, scale);
    }

    private void CheckTrained(Tensor parameter)
    {
        Own(parameter);
        if (parameter.Grad is null)
            throw new ArgumentException($"{parameter} has no gradient: make it with Backend.Parameter.", nameof(parameter));
    }

    private void CheckMuon(ReadOnlySpan<Tensor> parameters)
    {
        if (parameters.Length == 0) throw new ArgumentException("Muon needs at least one matrix.", nameof(parameters));
        var shape = parameters[0].Shape;
        foreach (var parameter in parameters)
        {
            CheckTrained(parameter);
            if (parameter.Shape != shape || shape.Rank != 2)
                throw new ArgumentException(
                    $"A Muon group holds matrices of one shape, but {parameter} stands beside {parameters[0]}.",
                    nameof(parameters));
        }
    }
}
