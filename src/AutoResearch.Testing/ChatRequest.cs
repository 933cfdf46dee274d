using Microsoft.Extensions.AI;

namespace AutoResearch.Testing;

/// <summary>What a <see cref="ScriptedChatClient"/> was asked.</summary>
/// <param name="Messages">The messages, in order.</param>
/// <param name="Options">The options; null when none were given.</param>
public sealed record ChatRequest(IReadOnlyList<ChatMessage> Messages, ChatOptions? Options)
{
    /// <summary>The text of all messages, one after the other.</summary>
    public string Text => string.Join('\n', Messages.Select(m => m.Text));
}
