using AutoResearch.Kernels;

namespace AutoResearch.Pretraining.Tests;

public sealed class TextGeneratorTests
{
    private static readonly float[] s_logits = [0, 3, 1, 2];

    [Fact]
    public void Sample_TemperatureZeroOrOneCandidate_TakesTheLikeliest()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            Assert.Equal(1, TextGenerator.Sample(s_logits, 0, 0, new Random(seed)));
            Assert.Equal(1, TextGenerator.Sample(s_logits, 5, 1, new Random(seed)));
        }
    }

    [Fact]
    public void Sample_TopK_NeverLeavesTheLikeliest()
    {
        var random = new Random(1);
        var seen = Enumerable.Range(0, 2000).Select(_ => TextGenerator.Sample(s_logits, 10, 2, random)).Distinct().Order();
        Assert.Equal([1, 3], seen);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.5)]
    public void Sample_Temperature_DrawsFromTheSoftmax(double temperature)
    {
        const int Draws = 40_000;
        var random = new Random(1);
        var counts = new int[4];
        for (var i = 0; i < Draws; i++) counts[TextGenerator.Sample(s_logits, temperature, 0, random)]++;
        var weights = s_logits.Select(l => Math.Exp(l / temperature)).ToArray();
        for (var i = 0; i < 4; i++) Assert.Equal(weights[i] / weights.Sum(), counts[i] / (double)Draws, 0.01);
    }

    [Fact]
    public void Generate_LongerThanTheContext_ContinuesThePromptReproducibly()
    {
        var tokenizer = SampleText.Tokenizer(300);
        using var backend = new CpuBackend(new() { Threads = 1 });
        using var model = new GptModel(backend, Tiny.Config with { VocabularySize = tokenizer.VocabularySize }, 1);
        string Text(long seed) =>
            TextGenerator.Generate(model, tokenizer, "the value", maximumTokens: 40, temperature: 1, seed: seed);
        Assert.StartsWith("the value", Text(1), StringComparison.Ordinal);
        Assert.True(Text(1).Length > 40);
        Assert.Equal(Text(1), Text(1));
        Assert.NotEqual(Text(1), Text(2));
        Assert.Equal("the value", TextGenerator.Generate(model, tokenizer, "the value", maximumTokens: 0));
    }

    [Fact]
    public void Generate_BadInput_NamesTheValue()
    {
        var tokenizer = SampleText.Tokenizer(300);
        using var backend = new CpuBackend(new() { Threads = 1 });
        using var small = new GptModel(backend, Tiny.Config, 1);
        Assert.Contains("the model only 23",
            Assert.Throws<ArgumentException>(() => TextGenerator.Generate(small, tokenizer)).Message, StringComparison.Ordinal);
        using var model = new GptModel(backend, Tiny.Config with { VocabularySize = tokenizer.VocabularySize }, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => TextGenerator.Generate(model, tokenizer, temperature: double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => TextGenerator.Generate(model, tokenizer, maximumTokens: -1));
        Assert.Throws<OperationCanceledException>(() =>
            TextGenerator.Generate(model, tokenizer, cancellationToken: new(canceled: true)));
    }
}
