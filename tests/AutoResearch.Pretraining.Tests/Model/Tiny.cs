namespace AutoResearch.Pretraining.Tests;

/// <summary>Small models that have every part: windows, grouped queries, value embeddings in some layers only.</summary>
internal static class Tiny
{
    public static GptConfig Config { get; } = new()
    {
        Depth = 3, Dim = 32, Heads = 4, KvHeads = 2, SequenceLength = 12, VocabularySize = 23, WindowPattern = "SL",
        ShortWindow = 3, GateChannels = 8, HeadInit = 0.1,
    };

    public static TrainingOptions Training { get; } = new() { BatchSize = 2, MatrixLr = 0.02, EmbeddingLr = 0.1, ScalarLr = 0.1 };
}
