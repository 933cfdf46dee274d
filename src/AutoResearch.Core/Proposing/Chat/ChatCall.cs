using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>One answered call of a language model: a line of the <see cref="ChatLedger"/>.</summary>
public sealed record ChatCall
{
    /// <summary>When the answer was there.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The number of the trial that it was to become, when it was asked for; other trials may have come first.</summary>
    public required int Trial { get; init; }

    /// <summary>Who asked.</summary>
    public required string Proposer { get; init; }

    /// <summary>The model that answered, as it says.</summary>
    public required string Model { get; init; }

    /// <summary>The first 16 hexadecimal digits of SHA-256 over the messages sent.</summary>
    public required string PromptHash { get; init; }

    /// <summary>What it cost.</summary>
    public required Cost Cost { get; init; }

    /// <summary>True when the provider reported no tokens and they were counted from the text.</summary>
    public bool IsEstimated { get; init; }

    /// <summary>Why the model stopped, e.g. "stop" or "length"; null when it does not say.</summary>
    public string? FinishReason { get; init; }

    /// <summary>What the model saw; kept only when <see cref="ChatProposerOptions.RecordText"/> is set.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Prompt { get; init; }

    /// <summary>What it answered; kept only when <see cref="ChatProposerOptions.RecordText"/> is set.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reply { get; init; }
}
