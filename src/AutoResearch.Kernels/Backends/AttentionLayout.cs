namespace AutoResearch.Kernels;

/// <summary>
/// Shape of the fused projection buffer <c>[batch · sequence, (heads + 2 · kvHeads) · headDim]</c>: each row holds the query
/// heads, then the key heads, then the value heads of one token.
/// </summary>
/// <param name="Batch">Number of sequences.</param>
/// <param name="Sequence">Tokens of one sequence.</param>
/// <param name="Heads">Query heads, a multiple of <paramref name="KvHeads"/>.</param>
/// <param name="KvHeads">Key and value heads (grouped-query attention when fewer than <paramref name="Heads"/>).</param>
/// <param name="HeadDim">Channels of one head, even (rotary pairs); fast kernels want a multiple of 8.</param>
public readonly record struct AttentionLayout(int Batch, int Sequence, int Heads, int KvHeads, int HeadDim)
{
    /// <summary>Rows of the buffer: batch · sequence.</summary>
    public int Tokens => Batch * Sequence;

    /// <summary>Columns of the queries: heads · headDim.</summary>
    public int QueryColumns => Heads * HeadDim;

    /// <summary>Columns of the keys, and of the values: kvHeads · headDim.</summary>
    public int KvColumns => KvHeads * HeadDim;

    /// <summary>Columns of the buffer.</summary>
    public int Columns => QueryColumns + (2 * KvColumns);

    /// <summary>Throws when the numbers cannot describe an attention layer.</summary>
    /// <exception cref="ArgumentException">The message names the value and the fix.</exception>
    public void Validate()
    {
        if (Batch < 1 || Sequence < 1 || Heads < 1 || KvHeads < 1 || HeadDim < 1)
            throw new ArgumentException($"Every number of an attention layout must be at least 1: {this}.");
        if (Heads % KvHeads != 0)
            throw new ArgumentException($"Heads ({Heads}) must be a multiple of KvHeads ({KvHeads}).");
        if (HeadDim % 2 != 0)
            throw new ArgumentException($"HeadDim ({HeadDim}) must be even: rotary embeddings rotate pairs.");
    }
}
