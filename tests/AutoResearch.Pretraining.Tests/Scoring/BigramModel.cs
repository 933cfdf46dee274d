namespace AutoResearch.Pretraining.Tests;

/// <summary>Counts which token follows which: an honest candidate that learns in an instant.</summary>
internal sealed class BigramModel(int vocabulary)
{
    private readonly int[] _counts = new int[vocabulary * vocabulary];
    private readonly int[] _totals = new int[vocabulary];

    public int Vocabulary => vocabulary;

    public double Learn(TrainingBatch batch)
    {
        var nats = 0.0;
        for (var i = 0; i < batch.Inputs.Length; i++)
        {
            nats -= Math.Log(Probability(batch.Inputs[i], batch.Targets[i]));
            _counts[(batch.Inputs[i] * vocabulary) + batch.Targets[i]]++;
            _totals[batch.Inputs[i]]++;
        }

        return nats / batch.Inputs.Length;
    }

    public double Probability(int input, int target) =>
        (_counts[(input * vocabulary) + target] + 0.1) / (_totals[input] + (0.1 * vocabulary));

    public void Logits(ReadOnlySpan<int> tokens, Span<float> logits)
    {
        for (var i = 0; i < tokens.Length; i++)
            for (var v = 0; v < vocabulary; v++)
                logits[(i * vocabulary) + v] = (float)Math.Log(Probability(tokens[i], v));
    }
}
