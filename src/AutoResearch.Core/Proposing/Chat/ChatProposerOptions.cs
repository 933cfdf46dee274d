using Microsoft.Extensions.AI;

namespace AutoResearch;

/// <summary>How a <see cref="ChatProposer"/> asks, pays and waits. Validated when the proposer is created.</summary>
public sealed class ChatProposerOptions
{
    /// <summary>The name in <see cref="Hypothesis.Proposer"/>. Null (the default) for the model's name, or "chat".</summary>
    public string? Name { get; set; }

    /// <summary>The model; null (the default) for the client's own.</summary>
    public string? Model { get; set; }

    /// <summary>What the model is asked to do; null (the default) to leave the kind of idea to it.</summary>
    public ResearchRole? Role { get; set; }

    /// <summary>Most tokens of an answer. Default 16,384.</summary>
    public int MaxOutputTokens { get; set; } = 16_384;

    /// <summary>Sampling temperature; null (the default) for the provider's own. Some providers ignore it.</summary>
    public float? Temperature { get; set; }

    /// <summary>Tokens of the summary of what was tried, estimated as a quarter of the characters. Default 12,000.</summary>
    public int HistoryTokens { get; set; } = 12_000;

    /// <summary>Tokens of one log tail of a failed run. The three latest failures are shown. Default 1,000.</summary>
    public int LogTokens { get; set; } = 1_000;

    /// <summary>Tokens of the lab notebook, its latest entries. Default 2,000.</summary>
    public int NotebookTokens { get; set; } = 2_000;

    /// <summary>Tokens of all editable files together; larger sources are refused. Default 100,000.</summary>
    public int SourceTokens { get; set; } = 100_000;

    /// <summary>
    /// How often the model is told what is wrong with its answer before the proposal is recorded as invalid. Default 2.
    /// </summary>
    public int MaxRepairs { get; set; } = 2;

    /// <summary>How like an earlier idea a new one may be. Null for no check but for identical candidates.</summary>
    public NoveltyOptions? Novelty { get; set; } = new();

    /// <summary>
    /// Where calls are recorded; null (the default) for memory. Give <see cref="ChatLedger.Open"/> of the run
    /// directory to survive a kill.
    /// </summary>
    public ChatLedger? Ledger { get; set; }

    /// <summary>True to keep the text of prompts and answers in the ledger, besides their hashes. Default false.</summary>
    public bool RecordText { get; set; }

    /// <summary>The prices of models; null (the default) when money does not matter.</summary>
    public PriceTable? Prices { get; set; }

    /// <summary>True to stream answers, which keeps connections alive during long ones. Default false.</summary>
    public bool Stream { get; set; }

    /// <summary>How long one call may take. Default 10 minutes.</summary>
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>The wait after the first failed call; each further one is twice as long. Default 5 s.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest wait between calls. Default 5 minutes.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long to wait for a provider that does not answer, before <see cref="ProviderOutageException"/>; ten minutes at most
    /// until it has answered once. Default 12 hours; zero to throw at once.
    /// </summary>
    public TimeSpan MaxOutage { get; set; } = TimeSpan.FromHours(12);

    /// <summary>
    /// Whether a failed call is worth repeating. Null (the default) for every failure but those that no waiting cures: HTTP 400,
    /// 401, 402, 403, 404, 413 and 422 as <see cref="HttpRequestException"/>, and exceptions that say that the request or
    /// the client is wrong.
    /// </summary>
    public Func<Exception, bool>? IsTransient { get; set; }

    /// <summary>Called with a copy of the chat options before each call, for settings of a provider. Default none.</summary>
    public Action<ChatOptions>? Configure { get; set; }

    /// <summary>The clock for waits and times. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal ChatProposerOptions Validate()
    {
        Check(nameof(MaxOutputTokens), MaxOutputTokens, MaxOutputTokens >= 1, "must be at least 1");
        Check(nameof(HistoryTokens), HistoryTokens, HistoryTokens >= 0, "must not be negative");
        Check(nameof(LogTokens), LogTokens, LogTokens >= 0, "must not be negative");
        Check(nameof(NotebookTokens), NotebookTokens, NotebookTokens >= 0, "must not be negative");
        Check(nameof(SourceTokens), SourceTokens, SourceTokens >= 1, "must be at least 1");
        Check(nameof(MaxRepairs), MaxRepairs, MaxRepairs >= 0, "must not be negative");
        Check(nameof(CallTimeout), CallTimeout, CallTimeout > TimeSpan.Zero, "must be positive");
        Check(nameof(RetryDelay), RetryDelay, RetryDelay > TimeSpan.Zero, "must be positive");
        Check(nameof(MaxRetryDelay), MaxRetryDelay, MaxRetryDelay >= RetryDelay, "must not be below RetryDelay");
        Check(nameof(MaxOutage), MaxOutage, MaxOutage >= TimeSpan.Zero, "must not be negative");
        Check(nameof(Name), Name, Name is null || !string.IsNullOrWhiteSpace(Name), "must not be empty");
        Novelty?.Validate();
        return this;
    }

    internal ChatProposerOptions Clone() => (ChatProposerOptions)MemberwiseClone();

    private static void Check(string name, object? value, bool good, string rule)
    {
        if (!good)
            throw new ArgumentException(FormattableString.Invariant($"ChatProposerOptions.{name} is '{value}'; it {rule}."));
    }
}
