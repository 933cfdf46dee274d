using AutoResearch.Testing;
using Microsoft.Extensions.AI;

namespace AutoResearch.Tests;

public sealed class ScriptedChatClientTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task GetResponseAsync_Replies_InOrderAndRequestsAreKept()
    {
        using var client = new ScriptedChatClient("one", "two");
        var messages = new List<ChatMessage> { new(ChatRole.System, "be brief"), new(ChatRole.User, "first?") };
        Assert.Equal("one", (await client.GetResponseAsync(messages, new ChatOptions { Temperature = 0.5f }, Stop)).Text);
        messages.Clear(); // a later change does not reach the record
        Assert.Equal("two", (await client.GetResponseAsync("second?", cancellationToken: Stop)).Text);
        Assert.Equal("be brief\nfirst?", client.Requests[0].Text);
        Assert.Equal(0.5f, client.Requests[0].Options!.Temperature);
        Assert.Equal("second?", client.Requests[1].Text);
        Assert.Contains("has 2 replies", (await Assert.ThrowsAsync<InvalidOperationException>(
            () => client.GetResponseAsync("third?", cancellationToken: Stop))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetStreamingResponseAsync_Reply_ComesWordByWordAndAddsUp()
    {
        using var client = new ScriptedChatClient((_, _, call) =>
            ScriptedChatClient.Reply($"reply number {call}", inputTokens: 10, outputTokens: 3));
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in client.GetStreamingResponseAsync("go", cancellationToken: Stop)) updates.Add(update);
        Assert.True(updates.Count >= 3);
        var response = updates.ToChatResponse();
        Assert.Equal("reply number 1", response.Text);
        Assert.Equal(10, response.Usage!.InputTokenCount);
        Assert.Single(client.Requests);
    }

    [Fact]
    public async Task GetResponseAsync_CancelledOrDisposed_Throws()
    {
        var client = new ScriptedChatClient("one");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            client.GetResponseAsync("x", cancellationToken: new CancellationToken(true)));
        client.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("x", cancellationToken: Stop));
        Assert.Same(client, client.GetService(typeof(ScriptedChatClient)));
    }
}
