using System.Globalization;

namespace AutoResearch.Pretraining;

/// <summary>Turns answers into scores, and compares what has to be the same.</summary>
internal sealed class EvaluationTally
{
    private readonly IReadOnlyList<ValidationSet> _sets;
    private readonly EvaluationPlan _plan;
    private readonly int _vocabulary;
    private readonly double _tolerance;
    private readonly float[][] _losses;
    private readonly List<(EvaluationItem Item, float[] Losses)> _again = [];
    private readonly LeakTest _leak = new();

    public EvaluationTally(IReadOnlyList<ValidationSet> sets, EvaluationPlan plan, int vocabulary, double tolerance)
    {
        (_sets, _plan, _vocabulary, _tolerance) = (sets, plan, vocabulary, tolerance);
        _losses = [.. sets.Select(s => Enumerable.Repeat(float.NaN, s.Rows * s.SequenceLength).ToArray())];
    }

    /// <summary>Takes the logits of one row, [length, vocabulary].</summary>
    /// <exception cref="RunFailureException">One of them is not finite.</exception>
    public void Add(EvaluationItem item, ReadOnlySpan<float> logits)
    {
        var set = _sets[item.Set];
        var targets = set.Targets.Slice(item.Row * set.SequenceLength, set.SequenceLength);
        var losses = item.Kind == ItemKind.Score
            ? _losses[item.Set].AsSpan(item.Row * set.SequenceLength, set.SequenceLength)
            : new float[set.SequenceLength];
        for (var i = 0; i < targets.Length; i++)
        {
            var row = logits.Slice(i * _vocabulary, _vocabulary);
            var normaliser = LogSumExp.Of(row);
            if (!double.IsFinite(normaliser))
                throw new RunFailureException(RunOutcome.Diverged,
                    "A logit is not a finite number; lower the learning rates, or keep the model's sums in range.");
            if (item.Kind == ItemKind.Twin && i == item.Cut)
            {
                var (token, probability) = _plan.Continuation(item);
                _leak.Add(Math.Exp(row[token] - normaliser), probability);
            }

            losses[i] = targets[i] == ValidationSet.NoTarget ? 0 : (float)(normaliser - row[targets[i]]);
        }

        if (item.Kind != ItemKind.Score) _again.Add((item, losses.ToArray()));
    }

    /// <summary>What is wrong with the answers as a whole; null when nothing is.</summary>
    public string? Violation()
    {
        if (_leak.Leaks)
        {
            return string.Create(CultureInfo.InvariantCulture,
                $"The model knows tokens before it may: it gave tokens that were drawn by lot a probability that an honest model "
                + $"gives with odds of 1 to {Math.Min(_leak.Capital, 1e15):G1}. Position t may depend on tokens 0 … t only.");
        }

        foreach (var (item, losses) in _again)
        {
            var set = _sets[item.Set];
            var scored = _losses[item.Set].AsSpan(item.Row * set.SequenceLength, set.SequenceLength);
            var last = item.Kind == ItemKind.Twin ? item.Cut : set.SequenceLength - 1;
            for (var i = 0; i <= last; i++)
            {
                if (Math.Abs(scored[i] - losses[i]) <= _tolerance) continue;
                var by = Math.Abs(scored[i] - losses[i]).ToString("G3", CultureInfo.InvariantCulture);
                return item.Kind == ItemKind.Twin
                    ? $"The answer for a token changed by {by} nats when only later tokens of its row were others: "
                        + $"position t may depend on tokens 0 … t only, and on no other row (tolerance {Number(_tolerance)})."
                    : $"The same row was asked twice, in other company, and the loss of a token changed by {by} nats (tolerance "
                        + $"{Number(_tolerance)}): answers must not depend on other rows, on earlier questions or on chance, "
                        + "and weights must not change after the training.";
            }
        }

        return null;
    }

    /// <summary>Bits per byte of a set. Every byte is counted once, whatever the rows of a question.</summary>
    public double BitsPerByte(int set)
    {
        var nats = 0.0;
        foreach (var loss in _losses[set]) nats += loss;
        return nats / (Math.Log(2) * _sets[set].TotalBytes);
    }

    private static string Number(double value) => value.ToString("G3", CultureInfo.InvariantCulture);
}
