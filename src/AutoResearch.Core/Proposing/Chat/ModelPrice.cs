namespace AutoResearch;

/// <summary>What a model's tokens cost, per million, in the user's currency.</summary>
/// <param name="Input">A million prompt tokens.</param>
/// <param name="Output">A million tokens that the model writes, its thinking included.</param>
/// <param name="CachedInput">A million prompt tokens that the provider had cached; null for the price of other
/// prompt tokens.</param>
public sealed record ModelPrice(decimal Input, decimal Output, decimal? CachedInput = null)
{
    /// <summary>The price of one call.</summary>
    /// <param name="inputTokens">Prompt tokens, cached ones included.</param>
    /// <param name="outputTokens">Tokens that the model wrote.</param>
    /// <param name="cachedInputTokens">Those of the prompt tokens that were cached.</param>
    public decimal Of(long inputTokens, long outputTokens, long cachedInputTokens = 0)
    {
        var cached = Math.Clamp(cachedInputTokens, 0, inputTokens);
        return (((inputTokens - cached) * Input) + (cached * (CachedInput ?? Input)) + (outputTokens * Output)) / 1_000_000m;
    }
}
