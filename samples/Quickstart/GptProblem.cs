namespace AutoResearch.Samples.Quickstart;

/// <summary>What the Quickstart improves: autoresearch's GPT and recipe, at a size that learns in seconds on two cores.</summary>
internal static class GptProblem
{
    public static ResearchProblem Create(TimeSpan budget) => new("gpt-quickstart")
    {
        Objective = Objective.Minimize("val_bpb", "bits/byte"),
        Budget = Budget.TrainingTime(budget),
        Instructions = "Lower val_bpb of a small GPT within a fixed training time.",

        // Rates, schedule and window pattern are those of autoresearch's train.py; depth, width and batch are scaled to a CPU.
        Baseline = Candidate.Of(
            ("depth", 4), ("dim", 128), ("batch", 8), ("window_pattern", "SSSL"),
            ("matrix_lr", 0.04), ("embedding_lr", 0.6), ("unembedding_lr", 0.004),
            ("weight_decay", 0.2), ("warmup_ratio", 0.0), ("warmdown_ratio", 0.5)),

        SearchSpace = new SearchSpace()
            .Int("depth", 2, 6)
            .Int("dim", 64, 256, step: 64)
            .Categorical("batch", 2, 4, 8, 16)
            .Categorical("window_pattern", "L", "SL", "SSSL")
            .LogFloat("matrix_lr", 0.01, 0.16)
            .LogFloat("embedding_lr", 0.1, 2.4)
            .LogFloat("unembedding_lr", 0.001, 0.032)
            .Float("weight_decay", 0, 0.4)
            .Float("warmup_ratio", 0, 0.2)
            .Float("warmdown_ratio", 0.1, 0.8),
    };
}
