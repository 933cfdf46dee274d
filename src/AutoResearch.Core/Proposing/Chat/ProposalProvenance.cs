using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// Where a language model's proposal comes from: enough to find what the model saw, and to see that it was not changed.
/// </summary>
/// <param name="Model">The model that answered; "none" when models only failed, and an algorithm of the portfolio proposed in
/// their place.</param>
/// <param name="PromptHash">The first 16 hexadecimal digits of SHA-256 over the first request's messages.</param>
/// <param name="Calls">Calls of the model for this proposal, those of interrupted attempts included.</param>
/// <param name="Repairs">How often the model was told what was wrong with its answer.</param>
public sealed record ProposalProvenance(string Model, string PromptHash, int Calls, int Repairs)
{
    /// <summary>
    /// The number that the trial would have had when the model was asked; <see cref="ChatCall.Trial"/> of its calls.
    /// </summary>
    public int AskedAs { get; init; }

    /// <summary>The role it was asked in, e.g. "explore"; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Role { get; init; }
}
