using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace AutoResearch.Testing;

/// <summary>
/// A chat client that answers from a script and remembers every request, so that a test of a language-model proposer needs
/// no model and no network. Streaming gives the same answers, word by word. Thread-safe.
/// </summary>
public sealed class ScriptedChatClient : IChatClient
{
    private readonly Func<IReadOnlyList<ChatMessage>, ChatOptions?, int, ChatResponse> _script;
    private readonly Lock _lock = new();
    private readonly List<ChatRequest> _requests = [];

    /// <summary>Creates a client that gives these answers in order.</summary>
    /// <param name="replies">The answers; a request after the last one throws.</param>
    public ScriptedChatClient(params string[] replies)
    {
        ArgumentNullException.ThrowIfNull(replies);
        _script = (_, _, call) => call <= replies.Length
            ? Reply(replies[call - 1])
            : throw new InvalidOperationException($"The script has {replies.Length} replies and was asked for one more.");
    }

    /// <summary>
    /// Creates a client from a function of the messages, the options and the number of the request, from 1. It may throw.
    /// </summary>
    public ScriptedChatClient(Func<IReadOnlyList<ChatMessage>, ChatOptions?, int, ChatResponse> script) =>
        _script = script ?? throw new ArgumentNullException(nameof(script));

    /// <summary>Every request, in order; copies that later changes to the lists do not reach.</summary>
    public IReadOnlyList<ChatRequest> Requests
    {
        get
        {
            lock (_lock) return [.. _requests];
        }
    }

    /// <summary>True once it was disposed of.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>A response with one text, for scripts.</summary>
    /// <param name="text">The assistant's text.</param>
    /// <param name="inputTokens">Prompt tokens that the response reports.</param>
    /// <param name="outputTokens">Answer tokens that the response reports.</param>
    public static ChatResponse Reply(string text, long inputTokens = 0, long outputTokens = 0) =>
        new(new ChatMessage(ChatRole.Assistant, text))
        {
            ModelId = "scripted",
            FinishReason = ChatFinishReason.Stop,
            Usage = new UsageDetails
            {
                InputTokenCount = inputTokens,
                OutputTokenCount = outputTokens,
                TotalTokenCount = inputTokens + outputTokens,
            },
        };

    /// <inheritdoc/>
    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<ChatResponse>(cancellationToken);
        ChatMessage[] sent = [.. messages];
        int call;
        lock (_lock)
        {
            _requests.Add(new ChatRequest(sent, options?.Clone()));
            call = _requests.Count;
        }
        try
        {
            return Task.FromResult(_script(sent, options, call));
        }
        catch (Exception e)
        {
            return Task.FromException<ChatResponse>(e); // as a real client, which fails while it is awaited
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var response = await GetResponseAsync(messages, options, cancellationToken).ConfigureAwait(false);
        foreach (var update in response.ToChatResponseUpdates())
        {
            var words = update.Text.Split(' ');
            if (words.Length == 1 || update.Contents is not [TextContent])
            {
                yield return update;
                continue;
            }
            for (var i = 0; i < words.Length; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var part = update.Clone();
                part.Contents = [new TextContent(i == 0 ? words[i] : " " + words[i])];
                yield return part;
            }
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is null && serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <inheritdoc/>
    public void Dispose() => IsDisposed = true;
}
