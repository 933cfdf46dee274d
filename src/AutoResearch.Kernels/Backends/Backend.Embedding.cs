namespace AutoResearch.Kernels;

public abstract partial class Backend
{
    /// <summary>
    /// Gathers rows of a table, optionally normalised: <c>y[i] = table[tokens[i]]</c>, or its <see cref="RmsNorm"/>.
    /// </summary>
    /// <param name="table"><c>[vocabulary, channels]</c>.</param>
    /// <param name="tokens">Row numbers, each in 0..vocabulary-1.</param>
    /// <param name="y"><c>[tokens, channels]</c>, overwritten.</param>
    /// <param name="inverseRms">One value per token, overwritten; null to gather without normalising.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a token lies outside the table
    /// (<see cref="Synchronize"/> says when an accelerator reports that).</exception>
    public void Embedding(Tensor table, Tensor tokens, Tensor y, Tensor? inverseRms)
    {
        CheckEmbedding(table, tokens, y, nameof(y), inverseRms);
        EmbeddingCore(table, tokens, y, inverseRms);
    }

    /// <summary>Adds the gradient of <see cref="Embedding"/> to the rows of the table that were read. Deterministic.</summary>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="y">The output; read only with <paramref name="inverseRms"/>.</param>
    /// <param name="inverseRms">What the forward pass stored, or null.</param>
    /// <param name="tokens">Row numbers.</param>
    /// <param name="dTable">Gradient of the table, accumulated.</param>
    public void EmbeddingBackward(Tensor dy, Tensor y, Tensor? inverseRms, Tensor tokens, Tensor dTable)
    {
        CheckEmbedding(dTable, tokens, dy, nameof(dy), inverseRms);
        Active(y, nameof(y), tokens.ElementCount, dTable.Shape.Columns);
        EmbeddingBackwardCore(dy, y, inverseRms, tokens, dTable);
    }

    /// <summary>Implements <see cref="Embedding"/>.</summary>
    /// <param name="table">The table.</param>
    /// <param name="tokens">Row numbers.</param>
    /// <param name="y">Output.</param>
    /// <param name="inverseRms">Output per token, or null.</param>
    protected abstract void EmbeddingCore(Tensor table, Tensor tokens, Tensor y, Tensor? inverseRms);

    /// <summary>Implements <see cref="EmbeddingBackward"/>.</summary>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="y">The output.</param>
    /// <param name="inverseRms">What the forward pass stored, or null.</param>
    /// <param name="tokens">Row numbers.</param>
    /// <param name="dTable">Gradient of the table, accumulated.</param>
    protected abstract void EmbeddingBackwardCore(Tensor dy, Tensor y, Tensor? inverseRms, Tensor tokens, Tensor dTable);

    private void CheckEmbedding(Tensor table, Tensor tokens, Tensor rows, string name, Tensor? inverseRms)
    {
        Float(table, nameof(table), table.Shape.Rows, table.Shape.Columns);
        Int(tokens, nameof(tokens), tokens.ElementCount);
        Active(rows, name, tokens.ElementCount, table.Shape.Columns);
        if (inverseRms is not null) PerRow(inverseRms, nameof(inverseRms), tokens.ElementCount);
    }
}
