using AutoResearch.Kernels;

namespace AutoResearch.Pretraining.Tests;

public sealed class BitsPerByteTests
{
    [Fact]
    public void Evaluate_MaskedDocuments_IsTheScoreOfEachDocumentAlone()
    {
        using var backend = new CpuBackend(new() { Threads = 2 });
        var tokenizer = SampleText.Tokenizer(300);
        var text = ValidationSet.Create(SampleText.Documents(12, 30), tokenizer, 48);
        var config = Tiny.Config with { VocabularySize = 300, SequenceLength = 48, MaskDocuments = true };
        using var masked = Model(backend, config);
        using var plain = Model(backend, config with { MaskDocuments = false });

        var expected = Alone(masked, text);
        Assert.Equal(expected, BitsPerByte.Evaluate(masked, text, 4), 1e-5 * expected);
        Assert.NotEqual(expected, BitsPerByte.Evaluate(plain, text, 4), 1e-4 * expected);
    }

    // Every piece of a document in a row of its own.
    private static double Alone(GptModel model, ValidationSet text)
    {
        using var tape = new Tape(model.Backend);
        var nats = 0.0;
        for (var i = 0; i < text.Targets.Length;)
        {
            var end = i + 1;
            while (end < text.Targets.Length && end % text.SequenceLength != 0
                && text.DocumentStarts[end] == text.DocumentStarts[i])
                end++;
            tape.Reset(record: false);
            var tokens = tape.Input(text.Inputs[i..end], end - i);
            var targets = tape.Input(text.Targets[i..end], end - i);
            nats += model.Losses(tape, tokens, targets, 1).ToArray().Sum(l => (double)l);
            i = end;
        }

        return nats / (Math.Log(2) * text.TotalBytes);
    }

    // Output projections begin at zero: attention would say nothing.
    private static GptModel Model(Backend backend, GptConfig config)
    {
        var model = new GptModel(backend, config, 3);
        var stream = 100UL;
        foreach (var matrix in model.Matrices) ParameterInitializer.Normal(matrix, 0.15f, 7, stream++);
        return model;
    }
}
