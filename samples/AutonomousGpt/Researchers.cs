using System.ClientModel;
using Microsoft.Extensions.AI;

namespace AutoResearch.Samples.AutonomousGpt;

/// <summary>Who proposes: the models that keys or an endpoint give access to, or the script.</summary>
internal static class Researchers
{
    private const string AnthropicModel = "claude-opus-4-5";
    private const string OpenAIModel = "gpt-5";

    /// <summary>The clients by name; empty for the script.</summary>
    public static IReadOnlyList<(string Name, IChatClient Client)> Clients(Options options)
    {
        if (options.Script) return [];
        if (options.Endpoint is { } endpoint)
            return [(options.Model!,
                OpenAI(Environment.GetEnvironmentVariable("OPENAI_API_KEY") ?? "none", options.Model!, endpoint))];
        var clients = new List<(string, IChatClient)>();
        if (Environment.GetEnvironmentVariable("ANTHROPIC_API_KEY") is { Length: > 0 } anthropic)
        {
            var model = options.Model ?? AnthropicModel;
            clients.Add((model, AnthropicClientExtensions.AsIChatClient(
                new Anthropic.AnthropicClient { ApiKey = anthropic, MaxRetries = 0 }, model)));
        }

        if (Environment.GetEnvironmentVariable("OPENAI_API_KEY") is { Length: > 0 } openai
            && (options.Model is null || clients.Count == 0))
            clients.Add((options.Model ?? OpenAIModel, OpenAI(openai, options.Model ?? OpenAIModel, null)));
        return clients;
    }

    /// <summary>One mind alone, or several that a bandit chooses from by what they have gained for their cost.</summary>
    public static IHypothesisProposer Proposer(IReadOnlyList<(string Name, IChatClient Client)> clients, ChatLedger ledger)
    {
        if (clients.Count == 0)
            return new ChatProposer(ScriptedResearcher.Create(),
                new() { Name = "script", Ledger = ledger, IsTransient = _ => false });
        return PortfolioProposer.Create(clients, chat: new() { Ledger = ledger, IsTransient = AnthropicFailures.IsTransient });
    }

    private static OpenAIChatClient OpenAI(string key, string model, string? endpoint) => new(new OpenAI.Chat.ChatClient(
        model, new ApiKeyCredential(key),
        new OpenAI.OpenAIClientOptions { Endpoint = endpoint is null ? null : new Uri(endpoint) }), model);
}
