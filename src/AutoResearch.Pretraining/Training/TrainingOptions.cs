using System.Globalization;

namespace AutoResearch.Pretraining;

/// <summary>
/// How a <see cref="GptTrainer"/> trains: batch, learning rates, optimizers, schedule. Learning rates and schedule have the
/// meaning and, except for the batch, the values that they have in autoresearch. Immutable.
/// </summary>
public sealed record TrainingOptions
{
    /// <summary>Rows that go through the model at once. Default 8.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>
    /// Tokens per optimizer step, a multiple of <see cref="BatchSize"/> × the sequence length: gradients are accumulated over
    /// that many rows. 0 is one batch. Default 0.
    /// </summary>
    public int TotalBatchTokens { get; init; }

    /// <summary>
    /// Learning rate of token and value embeddings (AdamW), at 768 channels; scaled by (dim/768)^−½. Default 0.6.
    /// </summary>
    public double EmbeddingLr { get; init; } = 0.6;

    /// <summary>Learning rate of the output head (AdamW), at 768 channels; scaled by (dim/768)^−½. Default 0.004.</summary>
    public double UnembeddingLr { get; init; } = 0.004;

    /// <summary>Learning rate of the matrices (Muon); scaled by √max(1, rows/columns) for each. Default 0.04.</summary>
    public double MatrixLr { get; init; } = 0.04;

    /// <summary>
    /// Learning rate of the embedding lambdas (AdamW); residual lambdas take <see cref="ResidualLrRatio"/> of it. Default 0.5.
    /// </summary>
    public double ScalarLr { get; init; } = 0.5;

    /// <summary>Learning rate of the residual lambdas as a share of <see cref="ScalarLr"/>. Default 0.01.</summary>
    public double ResidualLrRatio { get; init; } = 0.01;

    /// <summary>
    /// Decay of the matrices, only where update and weight point the same way; falls to 0 over the budget. Default 0.2.
    /// </summary>
    public double WeightDecay { get; init; } = 0.2;

    /// <summary>AdamW's decay of the gradient mean. Default 0.8.</summary>
    public double AdamBeta1 { get; init; } = 0.8;

    /// <summary>AdamW's decay of the gradient variance. Default 0.95.</summary>
    public double AdamBeta2 { get; init; } = 0.95;

    /// <summary>AdamW's decay of the gradient mean for the embedding lambdas. Default 0.96.</summary>
    public double ScalarBeta1 { get; init; } = 0.96;

    /// <summary>AdamW's term against division by zero. Default 1e-10.</summary>
    public double AdamEpsilon { get; init; } = 1e-10;

    /// <summary>Muon's momentum at the first step. Default 0.85.</summary>
    public double MuonMomentumStart { get; init; } = 0.85;

    /// <summary>Muon's momentum after the ramp. Default 0.95.</summary>
    public double MuonMomentum { get; init; } = 0.95;

    /// <summary>Steps over which Muon's momentum rises; 0 for no ramp. Default 300.</summary>
    public int MuonMomentumSteps { get; init; } = 300;

    /// <summary>Muon's decay of the per-row (or per-column) variance. Default 0.95.</summary>
    public double MuonBeta2 { get; init; } = 0.95;

    /// <summary>Polar Express iterations that orthogonalise Muon's update, 1 … 5. Default 5.</summary>
    public int NewtonSchulzSteps { get; init; } = 5;

    /// <summary>Share of the budget in which learning rates rise from 0. Default 0.</summary>
    public double WarmupRatio { get; init; }

    /// <summary>Share of the budget, at its end, in which learning rates fall. Default 0.5.</summary>
    public double WarmdownRatio { get; init; } = 0.5;

    /// <summary>Learning rates at the end of the budget as a share of their full value. Default 0.</summary>
    public double FinalLrFraction { get; init; }

    /// <summary>Largest norm of the whole gradient; longer ones are scaled down to it. 0 is no limit. Default 0.</summary>
    public double GradientClip { get; init; }

    /// <summary>
    /// A training loss, in nats per token, above which the run has diverged; NaN always has. 0 means ln(vocabulary) + 5, that is
    /// far worse than guessing. Default 0.
    /// </summary>
    public double DivergenceLoss { get; init; }

    /// <summary>Batches that add up to one optimizer step.</summary>
    public int AccumulationSteps(int sequenceLength) =>
        TotalBatchTokens == 0 ? 1 : TotalBatchTokens / (BatchSize * sequenceLength);

    /// <summary>Tokens per optimizer step.</summary>
    public long TokensPerStep(int sequenceLength) => (long)AccumulationSteps(sequenceLength) * BatchSize * sequenceLength;

    /// <summary>
    /// Returns these options when a model with <paramref name="sequenceLength"/> tokens a row can be trained with them.
    /// </summary>
    /// <exception cref="ArgumentException">It cannot; the message names the value and the fix.</exception>
    public TrainingOptions Validate(int sequenceLength)
    {
        Range(nameof(BatchSize), BatchSize, 1, 1 << 20);
        Range(nameof(TotalBatchTokens), TotalBatchTokens, 0, int.MaxValue);
        var batchTokens = (long)BatchSize * sequenceLength;
        Require(TotalBatchTokens % batchTokens == 0,
            $"{nameof(TotalBatchTokens)} is {TotalBatchTokens}; it must be a multiple of "
            + $"{nameof(BatchSize)} × sequence length = {BatchSize} × {sequenceLength} = {batchTokens}, "
            + $"e.g. {Math.Max(1, TotalBatchTokens / batchTokens) * batchTokens}, or 0 for one batch per step");
        Range(nameof(EmbeddingLr), EmbeddingLr, 0, 1e3);
        Range(nameof(UnembeddingLr), UnembeddingLr, 0, 1e3);
        Range(nameof(MatrixLr), MatrixLr, 0, 1e3);
        Range(nameof(ScalarLr), ScalarLr, 0, 1e3);
        Range(nameof(ResidualLrRatio), ResidualLrRatio, 0, 1e3);
        Range(nameof(WeightDecay), WeightDecay, 0, 1e3);
        Below1(nameof(AdamBeta1), AdamBeta1);
        Below1(nameof(AdamBeta2), AdamBeta2);
        Below1(nameof(ScalarBeta1), ScalarBeta1);
        Range(nameof(AdamEpsilon), AdamEpsilon, 1e-38, 1);
        Below1(nameof(MuonMomentumStart), MuonMomentumStart);
        Below1(nameof(MuonMomentum), MuonMomentum);
        Range(nameof(MuonMomentumSteps), MuonMomentumSteps, 0, int.MaxValue);
        Below1(nameof(MuonBeta2), MuonBeta2);
        Range(nameof(NewtonSchulzSteps), NewtonSchulzSteps, 1, 5);
        Range(nameof(WarmupRatio), WarmupRatio, 0, 1);
        Range(nameof(WarmdownRatio), WarmdownRatio, 0, 1);
        Require(WarmupRatio + WarmdownRatio <= 1 + 1e-9, string.Create(CultureInfo.InvariantCulture, $"{nameof(WarmupRatio)} "
            + $"{WarmupRatio} and {nameof(WarmdownRatio)} {WarmdownRatio} overlap; their sum must not exceed 1"));
        Range(nameof(FinalLrFraction), FinalLrFraction, 0, 1);
        Range(nameof(GradientClip), GradientClip, 0, 1e9);
        Range(nameof(DivergenceLoss), DivergenceLoss, 0, 1e9);
        return this;
    }

    private static void Range(string name, double value, double least, double most) => // NaN fails every comparison
        Require(value >= least && value <= most, FormattableString.Invariant($"{name} is {value}; it must be {least} … {most}"));

    private static void Below1(string name, double value) =>
        Require(value is >= 0 and < 1, FormattableString.Invariant($"{name} is {value}; it must be at least 0 and less than 1"));

    private static void Require(bool condition, string message)
    {
        if (!condition) throw new ArgumentException($"Impossible training options: {message}.");
    }
}
