using System.Text;
using System.Text.Json;
using static AutoResearch.Tests.LoopbackServer;

namespace AutoResearch.Tests;

/// <summary>One provider: its wire format, and its SDK as a chat client.</summary>
internal abstract class Wire
{
    public static Wire Of(string provider) => provider == "anthropic" ? new AnthropicWire() : new OpenAIWire();

    public abstract Microsoft.Extensions.AI.IChatClient Client(string url);

    public abstract Answer Reply(string text, string finish = "stop");

    public abstract Answer Stream(string text, bool cut = false);

    public abstract Answer Refusal();

    public static Answer Failure(int status) =>
        new(status,
            JsonSerializer.Serialize(new { type = "error", error = new { type = "overloaded_error", message = "please wait" } }));

    private static string Events(IEnumerable<object> events, bool named)
    {
        var text = new StringBuilder();
        foreach (var e in events)
        {
            var json = JsonSerializer.Serialize(e);
            if (named)
                text.Append("event: ").Append(JsonDocument.Parse(json).RootElement.GetProperty("type").GetString()).Append('\n');
            text.Append("data: ").Append(json).Append("\n\n");
        }

        return text.ToString();
    }

    private static string[] Halves(string text) => [text[..(text.Length / 2)], text[(text.Length / 2)..]];

    private sealed class AnthropicWire : Wire
    {
        public override Microsoft.Extensions.AI.IChatClient Client(string url) =>
            Microsoft.Extensions.AI.AnthropicClientExtensions.AsIChatClient(
                new Anthropic.AnthropicClient { ApiKey = "none", BaseUrl = url, MaxRetries = 0 }, "mind-1");

        public override Answer Reply(string text, string finish = "stop") => new(200, JsonSerializer.Serialize(Message(
            [new { type = "text", text }], finish == "length" ? "max_tokens" : "end_turn")));

        public override Answer Refusal() => new(200, JsonSerializer.Serialize(Message([], "refusal")));

        public override Answer Stream(string text, bool cut = false)
        {
            List<object> events =
            [
                new { type = "message_start", message = Message([], null) },
                new { type = "content_block_start", index = 0, content_block = new { type = "text", text = "" } },
                .. Halves(text).Select(t =>
                    new { type = "content_block_delta", index = 0, delta = new { type = "text_delta", text = t } }),
                new { type = "content_block_stop", index = 0 },
                new
                {
                    type = "message_delta",
                    delta = new { stop_reason = "end_turn", stop_sequence = (string?)null },
                    usage = new { output_tokens = 34 },
                },
                new { type = "message_stop" },
            ];
            return new(200, Events(cut ? events.Take(3) : events, named: true), "text/event-stream", cut);
        }

        private static object Message(object[] content, string? stop) => new
        {
            id = "msg_1", type = "message", role = "assistant", model = "mind-1-0501", content, stop_reason = stop,
            stop_sequence = (string?)null, usage = new { input_tokens = 1200, output_tokens = 34 },
        };
    }

    private sealed class OpenAIWire : Wire
    {
        public override Microsoft.Extensions.AI.IChatClient Client(string url) => new Samples.OpenAIChatClient(
            new OpenAI.Chat.ChatClient("mind-1", new System.ClientModel.ApiKeyCredential("none"), new OpenAI.OpenAIClientOptions
            {
                Endpoint = new Uri(url + "/v1"),
                RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0),
            }), "mind-1");

        public override Answer Reply(string text, string finish = "stop") =>
            new(200, Completion(new { role = "assistant", content = text, refusal = (string?)null }, finish));

        public override Answer Refusal() => new(200,
            Completion(new { role = "assistant", content = (string?)null, refusal = "I cannot help with that." }, "stop"));

        public override Answer Stream(string text, bool cut = false)
        {
            List<object> events =
            [
                .. Halves(text).Select(t => Chunk(
                    [new { index = 0, delta = new { role = "assistant", content = t }, finish_reason = (string?)null }], null)),
                Chunk([new { index = 0, delta = new { }, finish_reason = "stop" }], null),
                Chunk([], new { prompt_tokens = 1200, completion_tokens = 34, total_tokens = 1234 }),
            ];
            return new(200, Events(cut ? events.Take(1) : events, named: false) + (cut ? "" : "data: [DONE]\n\n"),
                "text/event-stream", cut);
        }

        private static object Chunk(object[] choices, object? usage) =>
            new { id = "c1", @object = "chat.completion.chunk", created = 1, model = "mind-1-0501", choices, usage };

        private static string Completion(object message, string finish) => JsonSerializer.Serialize(new
        {
            id = "c1", @object = "chat.completion", created = 1, model = "mind-1-0501",
            choices = new[] { new { index = 0, message, finish_reason = finish } },
            usage = new { prompt_tokens = 1200, completion_tokens = 34, total_tokens = 1234 },
        });
    }
}
