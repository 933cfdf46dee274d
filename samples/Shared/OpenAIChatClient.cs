using System.ClientModel;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using OpenAI.Chat;
using ChatFinishReason = Microsoft.Extensions.AI.ChatFinishReason;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace AutoResearch.Samples;

/// <summary>
/// The OpenAI SDK as an <see cref="IChatClient"/>: text, JSON schemas, streaming and token counts. It works with every server
/// that speaks the chat-completions protocol, such as Ollama, vLLM and llama.cpp. Failures with a status come as
/// <see cref="HttpRequestException"/>.
/// </summary>
internal sealed class OpenAIChatClient(ChatClient inner, string model) : IChatClient
{
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        try
        {
            var reply = (await inner.CompleteChatAsync([.. messages.Select(Convert)], Convert(options),
                cancellationToken).ConfigureAwait(false)).Value;
            var text = string.Concat(reply.Content.Select(c => c.Text));
            return new(new ChatMessage(ChatRole.Assistant, text.Length > 0 ? text : reply.Refusal ?? ""))
            {
                ModelId = reply.Model,
                FinishReason = reply.Refusal is { Length: > 0 } ? ChatFinishReason.ContentFilter : Convert(reply.FinishReason),
                Usage = Convert(reply.Usage),
                RawRepresentation = reply,
            };
        }
        catch (ClientResultException e) when (e.Status > 0)
        {
            throw new HttpRequestException(e.Message, e, (HttpStatusCode)e.Status);
        }
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var updates = inner.CompleteChatStreamingAsync([.. messages.Select(Convert)], Convert(options), cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        await using (updates.ConfigureAwait(false))
        {
            while (await NextAsync().ConfigureAwait(false))
            {
                var update = updates.Current;
                var result = new ChatResponseUpdate(ChatRole.Assistant,
                    string.Concat(update.ContentUpdate.Select(c => c.Text)) + update.RefusalUpdate)
                {
                    ModelId = update.Model,
                    FinishReason = update.RefusalUpdate is { Length: > 0 } ? ChatFinishReason.ContentFilter
                        : update.FinishReason is { } reason
                        ? Convert(reason)
                        : null,
                };
                if (Convert(update.Usage) is { } usage) result.Contents.Add(new UsageContent(usage));
                yield return result;
            }
        }

        async ValueTask<bool> NextAsync()
        {
            try
            {
                return await updates.MoveNextAsync().ConfigureAwait(false);
            }
            catch (ClientResultException e) when (e.Status > 0)
            {
                throw new HttpRequestException(e.Message, e, (HttpStatusCode)e.Status);
            }
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata("openai", null, model)
        : serviceType.IsInstanceOfType(this) ? this
        : serviceType.IsInstanceOfType(inner) ? inner : null;

    public void Dispose()
    {
    }

    private static OpenAI.Chat.ChatMessage Convert(ChatMessage message) =>
        message.Role == ChatRole.System ? new SystemChatMessage(message.Text)
        : message.Role == ChatRole.Assistant ? new AssistantChatMessage(message.Text)
        : new UserChatMessage(message.Text);

    private static ChatCompletionOptions Convert(ChatOptions? options)
    {
        var result = new ChatCompletionOptions
        {
            Temperature = options?.Temperature,
            TopP = options?.TopP,
            MaxOutputTokenCount = options?.MaxOutputTokens,
        };
        foreach (var stop in options?.StopSequences ?? []) result.StopSequences.Add(stop);
        if (options?.ResponseFormat is ChatResponseFormatJson { Schema: { } schema } json)
            result.ResponseFormat = OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat(json.SchemaName ?? "answer",
                BinaryData.FromString(schema.GetRawText()), json.SchemaDescription, true);
        else if (options?.ResponseFormat is ChatResponseFormatJson)
            result.ResponseFormat = OpenAI.Chat.ChatResponseFormat.CreateJsonObjectFormat();
        return result;
    }

    private static ChatFinishReason Convert(OpenAI.Chat.ChatFinishReason reason) => reason switch
    {
        OpenAI.Chat.ChatFinishReason.Length => ChatFinishReason.Length,
        OpenAI.Chat.ChatFinishReason.ContentFilter => ChatFinishReason.ContentFilter,
        OpenAI.Chat.ChatFinishReason.ToolCalls or OpenAI.Chat.ChatFinishReason.FunctionCall => ChatFinishReason.ToolCalls,
        _ => ChatFinishReason.Stop,
    };

    private static UsageDetails? Convert(ChatTokenUsage? usage) => usage is null ? null : new()
    {
        InputTokenCount = usage.InputTokenCount,
        OutputTokenCount = usage.OutputTokenCount,
        TotalTokenCount = usage.TotalTokenCount,
        CachedInputTokenCount = usage.InputTokenDetails?.CachedTokenCount,
    };
}
