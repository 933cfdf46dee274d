namespace AutoResearch.Kernels;

public sealed partial class Tape
{
    /// <summary>A Float32 tensor as an activation: itself where activations are Float32, otherwise a rounded copy.</summary>
    /// <param name="x">A parameter or other Float32 tensor, or an activation.</param>
    /// <returns>The same shape in <see cref="Backend.ActivationType"/>.</returns>
    public Tensor ToActivation(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Type == Backend.ActivationType) return x;
        var y = Output(x.Shape, x.RequiresGrad);
        Backend.Fill(y, 0);
        Backend.Add(x, y);
        if (y.RequiresGrad) Record<ConvertOperation>().Set(x, y);
        return y;
    }

    /// <summary>Rows of a table, optionally RMS-normalised.</summary>
    /// <param name="table"><c>[vocabulary, channels]</c>.</param>
    /// <param name="tokens">Row numbers, any shape.</param>
    /// <param name="normalize">Normalise each row.</param>
    /// <returns><c>[tokens, channels]</c>.</returns>
    public Tensor Embedding(Tensor table, Tensor tokens, bool normalize = false)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(tokens);
        var count = checked((int)tokens.ElementCount);
        var y = Output((count, table.Shape.Columns), table.RequiresGrad);
        var inverseRms = normalize ? Allocate(count) : null;
        Backend.Embedding(table, tokens, y, inverseRms);
        if (y.RequiresGrad) Record<EmbeddingOperation>().Set(table, tokens, y, inverseRms);
        return y;
    }

    /// <summary>Root-mean-square normalisation of each row, without weights.</summary>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <returns>The same shape.</returns>
    public Tensor RmsNorm(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        var y = Output(x.Shape, x.RequiresGrad);
        var inverseRms = Allocate(Rows(x));
        Backend.RmsNorm(x, y, inverseRms);
        if (y.RequiresGrad) Record<RmsNormOperation>().Set(x, y, inverseRms);
        return y;
    }

    /// <summary>
    /// Start of a block: <c>mixed = residualScales[layer] · x + inputScales[layer] · x0</c>, and its normalisation.
    /// </summary>
    /// <param name="x">Residual stream.</param>
    /// <param name="x0">Normalised embeddings.</param>
    /// <param name="residualScales">One scalar per layer.</param>
    /// <param name="inputScales">One scalar per layer.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <returns>The mixed stream and its normalisation.</returns>
    public (Tensor Mixed, Tensor Normed) MixNorm(Tensor x, Tensor x0, Tensor residualScales, Tensor inputScales, int layer)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(x0);
        ArgumentNullException.ThrowIfNull(residualScales);
        ArgumentNullException.ThrowIfNull(inputScales);
        var requiresGrad = x.RequiresGrad || x0.RequiresGrad || residualScales.RequiresGrad || inputScales.RequiresGrad;
        var mixed = Output(x.Shape, requiresGrad);
        var normed = Output(x.Shape, requiresGrad);
        var inverseRms = Allocate(Rows(x));
        Backend.MixNorm(x, x0, residualScales, inputScales, layer, mixed, normed, inverseRms);
        if (mixed.RequiresGrad)
            Record<MixNormOperation>().Set(x, x0, residualScales, inputScales, layer, mixed, normed, inverseRms);
        return (mixed, normed);
    }

    /// <summary>Linear layer without bias: <c>x · weightᵀ + residual</c>.</summary>
    /// <param name="x"><c>[rows, inputs]</c>.</param>
    /// <param name="weight"><c>[outputs, inputs]</c>.</param>
    /// <param name="residual"><c>[rows, outputs]</c>, or null.</param>
    /// <returns><c>[rows, outputs]</c>.</returns>
    public Tensor Linear(Tensor x, Tensor weight, Tensor? residual = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        var y = Output((Rows(x), Rows(weight)), x.RequiresGrad || weight.RequiresGrad || residual is { RequiresGrad: true });
        Backend.Linear(x, weight, y, residual);
        if (y.RequiresGrad) Record<LinearOperation>().Set(x, weight, residual, y);
        return y;
    }

    /// <summary>
    /// Feed-forward block: <c>relu(x · wInᵀ)² · wOutᵀ + residual</c>. Only the activated hidden layer is stored.
    /// </summary>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="wIn"><c>[hidden, channels]</c>.</param>
    /// <param name="wOut"><c>[outputs, hidden]</c>.</param>
    /// <param name="residual"><c>[rows, outputs]</c>, or null.</param>
    /// <returns><c>[rows, outputs]</c>.</returns>
    public Tensor Mlp(Tensor x, Tensor wIn, Tensor wOut, Tensor? residual = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(wIn);
        ArgumentNullException.ThrowIfNull(wOut);
        var requiresGrad = x.RequiresGrad || wIn.RequiresGrad || wOut.RequiresGrad || residual is { RequiresGrad: true };
        var hidden = Allocate((Rows(x), Rows(wIn)), Backend.ActivationType);
        var y = Output((Rows(x), Rows(wOut)), requiresGrad);
        Backend.Linear(x, wIn, hidden, null, Activation.ReluSquared);
        Backend.Linear(hidden, wOut, y, residual);
        if (y.RequiresGrad) Record<MlpOperation>().Set(x, wIn, wOut, residual, hidden, y);
        return y;
    }

    /// <summary>
    /// Queries, keys and values by one product, <c>x · weightᵀ</c>, plus a gated value embedding in the layers that have one
    /// (<see cref="Backend.ValueEmbedding"/>).
    /// </summary>
    /// <param name="x"><c>[tokens, channels]</c>.</param>
    /// <param name="weight">
    /// <c>[(heads + 2 · kvHeads) · headDim, channels]</c>: rows of the queries, keys, values. <see cref="Tensor.Slice"/> gives
    /// the three parts as tensors of their own to an optimizer.
    /// </param>
    /// <param name="layout">Shape of the result.</param>
    /// <param name="valueTable"><c>[vocabulary, kvHeads · headDim]</c>, or null for a layer without value embedding.</param>
    /// <param name="gateWeight"><c>[kvHeads, g]</c>; needed with <paramref name="valueTable"/>.</param>
    /// <param name="tokens">Token ids; needed with <paramref name="valueTable"/>.</param>
    /// <returns>The fused buffer.</returns>
    public Tensor QkvProjection(
        Tensor x, Tensor weight, AttentionLayout layout,
        Tensor? valueTable = null, Tensor? gateWeight = null, Tensor? tokens = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        layout.Validate();
        var requiresGrad = x.RequiresGrad || weight.RequiresGrad
            || valueTable is { RequiresGrad: true } || gateWeight is { RequiresGrad: true };
        var qkv = Output((layout.Tokens, layout.Columns), requiresGrad);
        Backend.Linear(x, weight, qkv);
        Tensor? gate = null;
        if (valueTable is not null)
        {
            ArgumentNullException.ThrowIfNull(gateWeight);
            ArgumentNullException.ThrowIfNull(tokens);
            gate = Allocate((layout.Tokens, layout.KvHeads));
            Backend.ValueEmbedding(qkv, x, valueTable, gateWeight, tokens, gate, layout);
        }

        if (qkv.RequiresGrad)
            Record<QkvProjectionOperation>().Set(x, weight, layout, valueTable, gateWeight, tokens, gate, qkv);
        return qkv;
    }

    /// <summary>Rotary embedding and normalisation of queries and keys, in place.</summary>
    /// <param name="qkv">Fused buffer of <see cref="QkvProjection"/>; changed.</param>
    /// <param name="rotary">Table of <see cref="Backend.CreateRotaryTable"/>.</param>
    /// <param name="layout">Shape of the buffer.</param>
    /// <returns><paramref name="qkv"/> itself.</returns>
    public Tensor RotaryNorm(Tensor qkv, Tensor rotary, AttentionLayout layout)
    {
        ArgumentNullException.ThrowIfNull(qkv);
        var inverseRms = Allocate((layout.Tokens, layout.Heads + layout.KvHeads));
        Backend.RotaryNorm(qkv, rotary, inverseRms, layout);
        if (qkv.RequiresGrad && IsRecording) Record<RotaryNormOperation>().Set(qkv, rotary, inverseRms, layout);
        return qkv;
    }

    /// <summary>Causal attention, optionally within a sliding window and within documents that are packed into a row.</summary>
    /// <param name="qkv">Fused buffer.</param>
    /// <param name="layout">Shape of the buffer.</param>
    /// <param name="window">Earlier keys that a query sees besides its own; negative for all.</param>
    /// <param name="documentStarts">
    /// Int32, one per token: the position in its sequence at which the token's document begins, never decreasing. Null:
    /// each sequence is one.
    /// </param>
    /// <returns><c>[tokens, heads · headDim]</c>.</returns>
    public Tensor Attention(Tensor qkv, AttentionLayout layout, int window = -1, Tensor? documentStarts = null)
    {
        ArgumentNullException.ThrowIfNull(qkv);
        var y = Output((layout.Tokens, layout.QueryColumns), qkv.RequiresGrad);
        var logSumExp = Allocate((layout.Batch, layout.Heads, layout.Sequence));
        Backend.Attention(qkv, y, logSumExp, layout, window, documentStarts);
        if (y.RequiresGrad) Record<AttentionOperation>().Set(qkv, y, logSumExp, layout, window, documentStarts);
        return y;
    }

    /// <summary>
    /// Output layer and mean cross-entropy in nats. While recording, the gradients are computed here: that of the weight is added
    /// at once, that of <paramref name="x"/> waits for <see cref="Backward(Tensor)"/>.
    /// </summary>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="weight"><c>[vocabulary, channels]</c>.</param>
    /// <param name="targets">One class per row, or <see cref="Backend.IgnoreIndex"/>.</param>
    /// <param name="softcap">Bound of the logits, <c>cap · tanh(logit / cap)</c>; 0 for none.</param>
    /// <param name="gradientScale">Factor of the gradients, 1 / micro-steps when gradients accumulate. The loss
    /// is not scaled.</param>
    /// <returns>One value.</returns>
    public Tensor CrossEntropy(Tensor x, Tensor weight, Tensor targets, float softcap = 15, float gradientScale = 1) =>
        CrossEntropy(x, weight, targets, out _, softcap, gradientScale);

    /// <inheritdoc cref="CrossEntropy(Tensor, Tensor, Tensor, float, float)"/>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="weight"><c>[vocabulary, channels]</c>.</param>
    /// <param name="targets">One class per row, or <see cref="Backend.IgnoreIndex"/>.</param>
    /// <param name="losses">The loss of each row, 0 where ignored.</param>
    /// <param name="softcap">Bound of the logits; 0 for none.</param>
    /// <param name="gradientScale">Factor of the gradients.</param>
    public Tensor CrossEntropy(
        Tensor x, Tensor weight, Tensor targets, out Tensor losses, float softcap = 15, float gradientScale = 1)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        var loss = Output(1, x.RequiresGrad || weight.RequiresGrad, DType.Float32);
        losses = Allocate(Rows(x));
        var dx = loss.RequiresGrad ? Allocate(x.Shape, x.Type) : null;
        Backend.LinearCrossEntropy(x, weight, targets, softcap, losses, loss, gradientScale, dx, dx is null ? null : weight.Grad);
        if (dx is not null) Record<CrossEntropyOperation>().Set(x, dx, loss);
        return loss;
    }

    /// <summary>Logits of an output layer with soft cap, for sampling; not differentiable.</summary>
    /// <param name="x"><c>[rows, channels]</c>.</param>
    /// <param name="weight"><c>[vocabulary, channels]</c>.</param>
    /// <param name="softcap">Bound of the logits; 0 for none.</param>
    /// <returns><c>[rows, vocabulary]</c>.</returns>
    public Tensor Logits(Tensor x, Tensor weight, float softcap = 15)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        var logits = Allocate((Rows(x), Rows(weight)), Backend.ActivationType);
        Backend.Linear(x, weight, logits);
        if (softcap != 0) Backend.Softcap(logits, softcap);
        return logits;
    }
}
