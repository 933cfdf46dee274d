namespace AutoResearch;

/// <summary>What something cost: money in the user's currency, language-model tokens, and time.</summary>
/// <param name="Money">In the user's currency.</param>
/// <param name="InputTokens">Prompt tokens sent to a language model.</param>
/// <param name="OutputTokens">Tokens that a language model wrote.</param>
/// <param name="Time">Time spent.</param>
public readonly record struct Cost(decimal Money = 0, long InputTokens = 0, long OutputTokens = 0, TimeSpan Time = default)
{
    /// <summary>The sum of two costs.</summary>
    public static Cost operator +(Cost left, Cost right) => left.Add(right);

    /// <summary>The sum of two costs.</summary>
    public Cost Add(Cost other) =>
        new(Money + other.Money, InputTokens + other.InputTokens, OutputTokens + other.OutputTokens, Time + other.Time);
}
