namespace AutoResearch.Kernels;

/// <summary>Shape and mask of one attention call.</summary>
/// <param name="Batch">Sequences.</param>
/// <param name="Heads">Query heads, a multiple of <paramref name="KvHeads"/>; head h reads key head h · kvHeads / heads.</param>
/// <param name="KvHeads">Key and value heads.</param>
/// <param name="HeadDim">Channels of a head: 64 or 128.</param>
/// <param name="Queries">Positions of a query sequence.</param>
/// <param name="Keys">Positions of a key sequence. The last query stands at the last key.</param>
internal readonly record struct AttentionProblem(int Batch, int Heads, int KvHeads, int HeadDim, int Queries, int Keys)
{
    internal AttentionProblem(in AttentionLayout layout, int window)
        : this(layout.Batch, layout.Heads, layout.KvHeads, layout.HeadDim, layout.Sequence, layout.Sequence) => Window = window;

    /// <summary>Earlier keys that a query sees besides its own; negative for all.</summary>
    internal int Window { get; init; } = -1;

    /// <summary>Keys after the query's position are hidden.</summary>
    internal bool Causal { get; init; } = true;

    /// <summary>
    /// Device address of <c>int[batch, queries]</c>, or 0: the position of the first key of each query's document, never
    /// decreasing along a sequence (packed rows).
    /// </summary>
    internal nint DocumentStarts { get; init; }

    /// <summary>Queries, rounded up to what the kernels of the backward pass keep per row.</summary>
    internal int PaddedQueries => (Queries + 127) / 128 * 128;

    /// <summary>Factor on the products of queries and keys: 1/√headDim.</summary>
    internal float Scale => 1 / MathF.Sqrt(HeadDim);

    /// <summary>Throws when no kernel takes it.</summary>
    /// <exception cref="ArgumentException">The message names the value and the fix.</exception>
    internal void Validate()
    {
        if (HeadDim is not (64 or 128))
            throw new ArgumentException(
                $"The attention kernels take heads of 64 or 128 channels, not {HeadDim}. Change the model's head dimension.");
        if (Batch < 1 || Heads < 1 || KvHeads < 1 || Queries < 1 || Keys < 1)
            throw new ArgumentException($"Every number must be at least 1: {this}.");
        if (Heads % KvHeads != 0) throw new ArgumentException($"Heads ({Heads}) must be a multiple of KvHeads ({KvHeads}).");
        if (Batch > 65535 || Heads > 65535) throw new ArgumentException($"At most 65535 sequences and heads: {this}.");
        if ((long)Batch * Heads * ((PaddedQueries / 64) + 1) > int.MaxValue)
            throw new ArgumentException($"Too many rows for one launch: {this}. Split the batch.");
        if (!Causal && (Window >= 0 || DocumentStarts != 0))
            throw new ArgumentException("A window or documents need causal attention: without it they have no right border.");
    }
}
