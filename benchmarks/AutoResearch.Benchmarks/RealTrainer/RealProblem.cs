using AutoResearch.Pretraining;

namespace AutoResearch.Benchmarks.RealTrainer;

/// <summary>
/// A small GPT on the text of the installed SDK, trained for a number of tokens, so that a busy machine changes no score.
/// </summary>
internal static class RealProblem
{
    public static ResearchProblem Create(long tokens) => new("real-trainer")
    {
        Objective = Objective.Minimize("val_bpb", "bits/byte"),
        Budget = Budget.OfTokens(tokens),
        Baseline = Candidate.Of(
            ("batch", 8), ("window_pattern", "SSSL"), ("matrix_lr", 0.04), ("embedding_lr", 0.6), ("unembedding_lr", 0.004),
            ("weight_decay", 0.2), ("warmup_ratio", 0.0), ("warmdown_ratio", 0.5)),
        SearchSpace = new SearchSpace()
            .Categorical("batch", 2, 4, 8, 16)
            .Categorical("window_pattern", "L", "SL", "SSSL")
            .LogFloat("matrix_lr", 0.01, 0.16)
            .LogFloat("embedding_lr", 0.1, 2.4)
            .LogFloat("unembedding_lr", 0.001, 0.032)
            .Float("weight_decay", 0, 0.4)
            .Float("warmup_ratio", 0, 0.2)
            .Float("warmdown_ratio", 0.1, 0.8),
    };

    // What the search does not touch.
    public static TrainingSetup Setup { get; } = TrainingParameters.Apply(new(),
        [new("depth", 2), new("dim", 128), new("heads", 4), new("seq", 128), new("vocab", 512), new("batch", 8)]);

    public static PretrainingData Data() => new(Corpus.FromSdkDocumentation(), validationBytes: 64 << 10, DataCache.Default);
}
