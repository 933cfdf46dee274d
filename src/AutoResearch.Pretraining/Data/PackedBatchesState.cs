namespace AutoResearch.Pretraining;

/// <summary>Where a <see cref="PackedBatches"/> stands, so that training can go on from a checkpoint. Serialisable.</summary>
public sealed record PackedBatchesState
{
    /// <summary>Names the tokens, as <see cref="TokenizedDocuments.ContentHash"/> does.</summary>
    public required string ContentHash { get; init; }

    /// <summary>The seed of the document order.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Length of a row.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>The epoch that documents are drawn from, from 1.</summary>
    public required int Epoch { get; init; }

    /// <summary>Documents of this epoch already drawn.</summary>
    public required int Drawn { get; init; }

    /// <summary>Waiting documents as pairs: number of the document, tokens of it already used.</summary>
    public required int[] Waiting { get; init; }
}
