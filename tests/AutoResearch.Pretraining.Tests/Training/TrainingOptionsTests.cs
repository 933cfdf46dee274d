namespace AutoResearch.Pretraining.Tests;

public sealed class TrainingOptionsTests
{
    public static TheoryData<string, string, TrainingOptions> Nonsense => new()
    {
        { "BatchSize", "0", new() { BatchSize = 0 } },
        { "TotalBatchTokens", "-1", new() { TotalBatchTokens = -1 } },
        { "TotalBatchTokens", "100", new() { TotalBatchTokens = 100 } },
        { "EmbeddingLr", "NaN", new() { EmbeddingLr = double.NaN } },
        { "UnembeddingLr", "-0.5", new() { UnembeddingLr = -0.5 } },
        { "MatrixLr", "Infinity", new() { MatrixLr = double.PositiveInfinity } },
        { "ScalarLr", "-2", new() { ScalarLr = -2 } },
        { "ResidualLrRatio", "-3", new() { ResidualLrRatio = -3 } },
        { "WeightDecay", "-4", new() { WeightDecay = -4 } },
        { "AdamBeta1", "1", new() { AdamBeta1 = 1 } },
        { "AdamBeta2", "1.5", new() { AdamBeta2 = 1.5 } },
        { "ScalarBeta1", "-0.1", new() { ScalarBeta1 = -0.1 } },
        { "AdamEpsilon", "0", new() { AdamEpsilon = 0 } },
        { "MuonMomentumStart", "1", new() { MuonMomentumStart = 1 } },
        { "MuonMomentum", "2", new() { MuonMomentum = 2 } },
        { "MuonMomentumSteps", "-1", new() { MuonMomentumSteps = -1 } },
        { "MuonBeta2", "NaN", new() { MuonBeta2 = double.NaN } },
        { "NewtonSchulzSteps", "6", new() { NewtonSchulzSteps = 6 } },
        { "WarmupRatio", "1.1", new() { WarmupRatio = 1.1 } },
        { "WarmdownRatio", "-0.2", new() { WarmdownRatio = -0.2 } },
        { "WarmupRatio", "0.7", new() { WarmupRatio = 0.7 } },
        { "FinalLrFraction", "2", new() { FinalLrFraction = 2 } },
        { "GradientClip", "-1", new() { GradientClip = -1 } },
        { "DivergenceLoss", "NaN", new() { DivergenceLoss = double.NaN } },
    };

    [Theory]
    [MemberData(nameof(Nonsense), DisableDiscoveryEnumeration = true)]
    public void Validate_Nonsense_NamesOptionAndValue(string name, string value, TrainingOptions options)
    {
        var message = Assert.Throws<ArgumentException>(() => options.Validate(32)).Message;
        Assert.Matches($@"\b{name}( is)? {value.Replace(".", @"\.", StringComparison.Ordinal)}[ ;]", message);
        Assert.Contains("must", message, StringComparison.Ordinal);
    }
}
