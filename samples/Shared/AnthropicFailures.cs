using Anthropic.Exceptions;

namespace AutoResearch.Samples;

/// <summary>Which failures of the Anthropic SDK are worth another call.</summary>
internal static class AnthropicFailures
{
    /// <summary>
    /// For <see cref="ChatProposerOptions.IsTransient"/>: everything but a request, a key or an account that is wrong.
    /// </summary>
    public static bool IsTransient(Exception e) =>
        e is not Anthropic4xxException or AnthropicRateLimitException or AnthropicRequestTimeoutException
            or AnthropicConflictException;
}
