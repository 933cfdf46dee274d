using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>Lets a model continue a text.</summary>
public static class TextGenerator
{
    /// <summary>
    /// Continues a text token by token. Each token takes a pass over the last tokens that fit the sequence length; there is
    /// no cache of keys and values.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="prompt">The beginning; empty for a new document.</param>
    /// <param name="maximumTokens">Tokens to add at most; a new document ends the text earlier.</param>
    /// <param name="temperature">0 takes the likeliest token, 1 samples as the model predicts. Default 0.8.</param>
    /// <param name="topK">Only the likeliest that many are candidates; 0 for all. Default 50.</param>
    /// <param name="seed">Decides the sampling.</param>
    /// <param name="cancellationToken">Stops between two tokens.</param>
    /// <returns>Prompt and continuation.</returns>
    public static string Generate(GptModel model, BpeTokenizer tokenizer, string prompt = "", int maximumTokens = 100,
        double temperature = 0.8, int topK = 50, long seed = 0, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentOutOfRangeException.ThrowIfNegative(maximumTokens);
        if (!(temperature is >= 0 and <= 100))
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "The temperature must be 0 … 100.");
        ArgumentOutOfRangeException.ThrowIfNegative(topK);
        if (tokenizer.VocabularySize > model.Config.VocabularySize)
            throw new ArgumentException(
                $"The tokenizer has {tokenizer.VocabularySize} entries, the model only {model.Config.VocabularySize}.",
                nameof(tokenizer));
        using var tape = new Tape(model.Backend);
        var random = new Random(unchecked((int)(seed ^ (seed >> 32))));
        List<int> tokens = [tokenizer.BosToken, .. tokenizer.Encode(prompt)];
        for (var i = 0; i < maximumTokens; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var context = tokens.Skip(tokens.Count - model.Config.SequenceLength).ToArray();
            tape.Reset(record: false);
            var logits = model.NextLogits(tape, tape.Input(context, context.Length)).ToArray()
                .AsSpan(0, tokenizer.VocabularySize);
            var next = Sample(logits, temperature, topK, random);
            if (next == tokenizer.BosToken) break;
            tokens.Add(next);
        }

        return tokenizer.DecodeText([.. tokens.Skip(1)]);
    }

    internal static int Sample(ReadOnlySpan<float> logits, double temperature, int topK, Random random)
    {
        var order = Enumerable.Range(0, logits.Length).ToArray();
        Array.Sort(logits.ToArray(), order);
        Array.Reverse(order);
        if (temperature == 0 || topK == 1) return order[0];
        var count = topK == 0 ? order.Length : Math.Min(topK, order.Length);
        var weights = new double[count];
        for (var i = 0; i < count; i++) weights[i] = Math.Exp((logits[order[i]] - logits[order[0]]) / temperature);
        var left = random.NextDouble() * weights.Sum();
        for (var i = 0; i < count; i++)
            if ((left -= weights[i]) < 0)
                return order[i];
        return order[0];
    }
}
