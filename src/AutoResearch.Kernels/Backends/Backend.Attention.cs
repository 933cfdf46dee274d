namespace AutoResearch.Kernels;

public abstract partial class Backend
{
    /// <summary>
    /// Rotates queries and keys by their position (rotary embedding, Su et al. 2021, arXiv:2104.09864; channel i paired with
    /// i + headDim/2), then normalises each head by its root mean square, all in place. Row r has the position r mod sequence.
    /// </summary>
    /// <param name="qkv">Fused buffer of the layout; its value columns are not touched.</param>
    /// <param name="rotary">Table of <see cref="CreateRotaryTable"/>, at least as long as the sequence.</param>
    /// <param name="inverseRms"><c>[tokens, heads + kvHeads]</c>, overwritten.</param>
    /// <param name="layout">Shape of the buffer.</param>
    public void RotaryNorm(Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout)
    {
        CheckRotary(qkv, nameof(qkv), rotary, inverseRms, layout);
        RotaryNormCore(qkv, rotary, inverseRms, layout);
    }

    /// <summary>Gradient of <see cref="RotaryNorm"/>, in place in the query and key columns.</summary>
    /// <param name="dqkv">Gradient of the fused buffer: of the outputs before, of the inputs after.</param>
    /// <param name="qkv">Outputs of the forward pass.</param>
    /// <param name="rotary">The same table.</param>
    /// <param name="inverseRms">What the forward pass stored.</param>
    /// <param name="layout">Shape of the buffer.</param>
    public void RotaryNormBackward(Tensor dqkv, Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout)
    {
        CheckRotary(dqkv, nameof(dqkv), rotary, inverseRms, layout);
        Active(qkv, nameof(qkv), layout.Tokens, layout.Columns);
        RotaryNormBackwardCore(dqkv, qkv, rotary, inverseRms, layout);
    }

    /// <summary>
    /// Adds a gated value embedding to the values (ResFormer, Zhou et al. 2024, arXiv:2410.17897, with a gate per head):
    /// <c>v[h] += gate[h] · table[token][h]</c>, <c>gate = 2 · sigmoid(x[:, :g] · gateWeightᵀ)</c>.
    /// </summary>
    /// <param name="qkv">Fused buffer; only its value columns change.</param>
    /// <param name="x">Input of the projection, <c>[tokens, channels]</c>.</param>
    /// <param name="table"><c>[vocabulary, kvHeads · headDim]</c>.</param>
    /// <param name="gateWeight"><c>[kvHeads, g]</c> with g at most the number of channels.</param>
    /// <param name="tokens">Row numbers into the table.</param>
    /// <param name="gate"><c>[tokens, kvHeads]</c>, overwritten.</param>
    /// <param name="layout">Shape of the buffer.</param>
    public void ValueEmbedding(
        Tensor qkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, in AttentionLayout layout)
    {
        CheckValue(qkv, nameof(qkv), x, table, gateWeight, tokens, gate, layout);
        ValueEmbeddingCore(qkv, x, table, gateWeight, tokens, gate, layout);
    }

    /// <summary>
    /// Gradient of <see cref="ValueEmbedding"/>; the gradient of the values passes through. Gradients of the table and of the
    /// gate's weight are added to their <see cref="Tensor.Grad"/>. Deterministic.
    /// </summary>
    /// <param name="dqkv">Gradient of the fused buffer, read only.</param>
    /// <param name="x">Input of the projection.</param>
    /// <param name="table">The table.</param>
    /// <param name="gateWeight">The gate's weight.</param>
    /// <param name="tokens">Row numbers.</param>
    /// <param name="gate">What the forward pass stored.</param>
    /// <param name="dx">Gradient of <paramref name="x"/>; its first g columns are accumulated. Null when not wanted.</param>
    /// <param name="layout">Shape of the buffer.</param>
    public void ValueEmbeddingBackward(
        Tensor dqkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, Tensor? dx, in AttentionLayout layout)
    {
        CheckValue(dqkv, nameof(dqkv), x, table, gateWeight, tokens, gate, layout);
        if (dx is not null) Active(dx, nameof(dx), layout.Tokens, x.Shape.Columns);
        ValueEmbeddingBackwardCore(dqkv, x, table, gateWeight, tokens, gate, dx, layout);
    }

    /// <summary>
    /// Causal softmax attention with scale 1/√headDim. The query at position i sees the keys i − window … i of its own sequence.
    /// Query head h reads key and value head h · kvHeads / heads. The matrix of scores is never stored.
    /// </summary>
    /// <param name="qkv">Fused buffer.</param>
    /// <param name="y"><c>[tokens, heads · headDim]</c>, overwritten.</param>
    /// <param name="logSumExp"><c>[batch, heads, sequence]</c>: natural logarithm of the softmax's denominator,
    /// overwritten.</param>
    /// <param name="layout">Shape of the buffer.</param>
    /// <param name="window">Earlier keys that a query sees; negative for all.</param>
    /// <param name="documentStarts">
    /// Packed documents: Int32, one per token, the position in its sequence at which the token's document begins; never
    /// decreasing along a sequence. A query then sees no key before it. Null: each sequence is one document.
    /// </param>
    /// <exception cref="ArgumentException">
    /// A document begins after its token or before the one ahead of it. On a GPU this is not seen: wrong keys are hidden then.
    /// </exception>
    public void Attention(
        Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, int window, Tensor? documentStarts = null)
    {
        CheckAttention(qkv, y, logSumExp, layout, documentStarts);
        AttentionCore(qkv, y, logSumExp, layout, window, documentStarts);
    }

    /// <summary>Gradient of <see cref="Attention"/>. Deterministic.</summary>
    /// <param name="qkv">Fused buffer of the forward pass.</param>
    /// <param name="y">Output of the forward pass.</param>
    /// <param name="logSumExp">What the forward pass stored.</param>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="dqkv">Gradient of the fused buffer, overwritten.</param>
    /// <param name="layout">Shape of the buffer.</param>
    /// <param name="window">Earlier keys that a query sees; negative for all.</param>
    /// <param name="documentStarts">What the forward pass was given.</param>
    public void AttentionBackward(
        Tensor qkv, Tensor y, Tensor logSumExp, Tensor dy, Tensor dqkv, in AttentionLayout layout, int window,
        Tensor? documentStarts = null)
    {
        CheckAttention(qkv, y, logSumExp, layout, documentStarts);
        Active(dy, nameof(dy), layout.Tokens, layout.QueryColumns);
        Active(dqkv, nameof(dqkv), layout.Tokens, layout.Columns);
        AttentionBackwardCore(qkv, y, logSumExp, dy, dqkv, layout, window, documentStarts);
    }

    /// <summary>Implements <see cref="RotaryNorm"/>.</summary>
    /// <param name="qkv">Fused buffer.</param>
    /// <param name="rotary">Table.</param>
    /// <param name="inverseRms">Output per token and head.</param>
    /// <param name="layout">Shape.</param>
    protected abstract void RotaryNormCore(Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout);

    /// <summary>Implements <see cref="RotaryNormBackward"/>.</summary>
    /// <param name="dqkv">Gradient, in place.</param>
    /// <param name="qkv">Outputs of the forward pass.</param>
    /// <param name="rotary">Table.</param>
    /// <param name="inverseRms">Stored per token and head.</param>
    /// <param name="layout">Shape.</param>
    protected abstract void RotaryNormBackwardCore(
        Tensor dqkv, Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout);

    /// <summary>Implements <see cref="ValueEmbedding"/>.</summary>
    /// <param name="qkv">Fused buffer.</param>
    /// <param name="x">Input of the projection.</param>
    /// <param name="table">Table.</param>
    /// <param name="gateWeight">Weight of the gate.</param>
    /// <param name="tokens">Row numbers.</param>
    /// <param name="gate">Output per token and head.</param>
    /// <param name="layout">Shape.</param>
    protected abstract void ValueEmbeddingCore(
        Tensor qkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, in AttentionLayout layout);

    /// <summary>Implements <see cref="ValueEmbeddingBackward"/>.</summary>
    /// <param name="dqkv">Gradient of the fused buffer.</param>
    /// <param name="x">Input of the projection.</param>
    /// <param name="table">Table.</param>
    /// <param name="gateWeight">Weight of the gate.</param>
    /// <param name="tokens">Row numbers.</param>
    /// <param name="gate">Stored per token and head.</param>
    /// <param name="dx">Gradient of the input, or null.</param>
    /// <param name="layout">Shape.</param>
    protected abstract void ValueEmbeddingBackwardCore(
        Tensor dqkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, Tensor? dx,
        in AttentionLayout layout);

    /// <summary>Implements <see cref="Attention"/>.</summary>
    /// <param name="qkv">Fused buffer.</param>
    /// <param name="y">Output.</param>
    /// <param name="logSumExp">Output per query and head.</param>
    /// <param name="layout">Shape.</param>
    /// <param name="window">Earlier keys that a query sees.</param>
    /// <param name="documentStarts">First key of each token's document, or null.</param>
    protected abstract void AttentionCore(
        Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, int window, Tensor? documentStarts);

    /// <summary>Implements <see cref="AttentionBackward"/>.</summary>
    /// <param name="qkv">Fused buffer.</param>
    /// <param name="y">Output.</param>
    /// <param name="logSumExp">Stored per query and head.</param>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="dqkv">Gradient of the fused buffer.</param>
    /// <param name="layout">Shape.</param>
    /// <param name="window">Earlier keys that a query sees.</param>
    /// <param name="documentStarts">First key of each token's document, or null.</param>
    protected abstract void AttentionBackwardCore(
        Tensor qkv, Tensor y, Tensor logSumExp, Tensor dy, Tensor dqkv, in AttentionLayout layout, int window,
        Tensor? documentStarts);

    private void CheckRotary(Tensor qkv, string name, Tensor rotary, Tensor inverseRms, in AttentionLayout layout)
    {
        layout.Validate();
        Active(qkv, name, layout.Tokens, layout.Columns);
        Float(rotary, nameof(rotary), rotary.Shape.Rows, layout.HeadDim);
        if (rotary.Shape.Rows < layout.Sequence)
            throw new ArgumentException(
                $"The rotary table has {rotary.Shape.Rows} positions, but the sequence has {layout.Sequence}. Make it longer.",
                nameof(rotary));
        PerRow(inverseRms, nameof(inverseRms), (long)layout.Tokens * (layout.Heads + layout.KvHeads));
    }

    private void CheckValue(
        Tensor qkv, string name, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, in AttentionLayout layout)
    {
        layout.Validate();
        Active(qkv, name, layout.Tokens, layout.Columns);
        Active(x, nameof(x), layout.Tokens, x.Shape.Columns);
        Float(table, nameof(table), table.Shape.Rows, layout.KvColumns);
        Float(gateWeight, nameof(gateWeight), layout.KvHeads, gateWeight.Shape.Columns);
        if (gateWeight.Shape.Columns > x.Shape.Columns)
            throw new ArgumentException(
                $"The gate reads {gateWeight.Shape.Columns} channels, but the input has {x.Shape.Columns}.", nameof(gateWeight));
        Int(tokens, nameof(tokens), layout.Tokens);
        PerRow(gate, nameof(gate), (long)layout.Tokens * layout.KvHeads);
    }

    private void CheckAttention(Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, Tensor? documentStarts)
    {
        layout.Validate();
        Active(qkv, nameof(qkv), layout.Tokens, layout.Columns);
        Active(y, nameof(y), layout.Tokens, layout.QueryColumns);
        PerRow(logSumExp, nameof(logSumExp), (long)layout.Tokens * layout.Heads);
        if (documentStarts is not null) Int(documentStarts, nameof(documentStarts), layout.Tokens);
    }
}
