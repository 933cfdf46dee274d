using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.AI;

namespace AutoResearch;

/// <summary>
/// Asks a language model for the next hypothesis: shows it the instructions, the editable files, the incumbent with its evidence,
/// what was tried, and its own notebook, and reads a change of parameters and files from its answer.
/// </summary>
/// <remarks>
/// An answer that cannot be used (malformed, edits that do not apply, forbidden paths, nothing new) is told back to the model;
/// after <see cref="ChatProposerOptions.MaxRepairs"/> it is recorded as an <see cref="InvalidChange"/>. A provider that does not
/// answer is waited for. Every call is in the ledger, and the hypothesis carries the cost of all calls that were made for its
/// trial. All that it knows follows from the state, but the model's answers are its own.
/// </remarks>
public sealed class ChatProposer : IHypothesisProposer
{
    // Who has never answered is more likely wrong about the address or the key than down.
    private static readonly TimeSpan s_firstAnswer = TimeSpan.FromMinutes(10);

    private readonly IChatClient _client;
    private readonly ChatProposerOptions _options;
    private readonly NoveltyFilter _novelty;
    private readonly string _model;
    private bool _answered;

    /// <summary>Creates a proposer.</summary>
    /// <param name="client">The model; not disposed of.</param>
    /// <param name="options">How it is asked; null for the defaults. Do not change them afterwards.</param>
    /// <exception cref="ArgumentException">An option makes no sense; the message names it and its value.</exception>
    public ChatProposer(IChatClient client, ChatProposerOptions? options = null)
    {
        _client = client ?? throw new ArgumentNullException(nameof(client));
        _options = (options ?? new()).Clone().Validate();
        _options.Ledger ??= new ChatLedger();
        _novelty = new(_options.Novelty);
        _model = _options.Model ?? (client.GetService(typeof(ChatClientMetadata)) as ChatClientMetadata)?.DefaultModelId ?? "";
        Name = _options.Name ?? (_model.Length > 0 ? _model : "chat");
    }

    /// <summary>The name in <see cref="Hypothesis.Proposer"/>.</summary>
    public string Name { get; }

    /// <summary>The calls that were made.</summary>
    public ChatLedger Ledger => _options.Ledger!;

    /// <inheritdoc/>
    /// <exception cref="ProviderOutageException">The provider did not answer for
    /// <see cref="ChatProposerOptions.MaxOutage"/>.</exception>
    public async ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        var messages = ChatContext.Build(state, _options);
        var hash = HashOf(messages);
        var invalid = new InvalidChange("no answer");
        for (var repairs = 0; ; repairs++)
        {
            var (text, model, finish) = await CallAsync(messages, state.NextTrial, cancellationToken).ConfigureAwait(false);
            var (hypothesis, refusal) = await ReadAsync(state, text, finish, cancellationToken).ConfigureAwait(false);
            if (refusal is not null) invalid = new InvalidChange(refusal) { Proposed = hypothesis?.Change };
            if (refusal is null || repairs == _options.MaxRepairs)
            {
                var (cost, calls) = Ledger.Unbooked(state);
                hypothesis ??= Empty(state);
                return hypothesis with
                {
                    Change = refusal is null ? hypothesis.Change : invalid,
                    Cost = cost,
                    Provenance = new(model, hash, calls, repairs) { AskedAs = state.NextTrial, Role = _options.Role?.Name },
                };
            }

            if (!string.IsNullOrWhiteSpace(text)) messages.Add(new(ChatRole.Assistant, text));
            messages.Add(new(ChatRole.User,
                $"Your proposal cannot be run. {DataBlock.Of("reason", refusal)}Answer again with one complete JSON object: "
                + "the same idea without the fault, or another idea."));
        }
    }

    /// <summary>
    /// The hypothesis that an answer holds, as far as it can be read, and why it cannot be run; null when it can.
    /// </summary>
    private async ValueTask<(Hypothesis?, string?)> ReadAsync(
        ResearchState state, string text, ChatFinishReason? finish, CancellationToken cancellationToken)
    {
        if (finish == ChatFinishReason.ContentFilter) return (null, "the model refused to answer");
        Hypothesis? hypothesis = null;
        try
        {
            var reply = ChatReply.Parse(text);
            if (string.IsNullOrWhiteSpace(reply.Title)) throw new ChangeException("the title is missing");
            hypothesis = Empty(state) with
            {
                Title = Short(reply.Title.ReplaceLineEndings(" ").Trim(), 200),
                Rationale = Short(reply.Rationale?.Trim() ?? "", 4000),
                ExpectedGain = reply.ExpectedGain is { } gain && double.IsFinite(gain) ? gain : null,
                Note = string.IsNullOrWhiteSpace(reply.Note) ? null : Short(reply.Note.Trim(), 2000),
            };
            hypothesis = hypothesis with { Change = reply.ToChange(state.Incumbent.Candidate) };
            if (Forbidden(state, hypothesis.Change) is { } forbidden) return (hypothesis, forbidden);
            var (refusal, retryOf, tokens) = await _novelty.CheckAsync(state, hypothesis,
                cancellationToken).ConfigureAwait(false);
            if (tokens > 0) RecordEmbedding(state, tokens);
            return (hypothesis with { RetryOf = retryOf }, refusal);
        }
        catch (ChangeException e) when (finish == ChatFinishReason.Length)
        {
            return (hypothesis, $"the answer was cut off at {_options.MaxOutputTokens} tokens ({e.Message}); "
                + "answer more briefly, with replace edits instead of whole files");
        }
        catch (Exception e) when (e is ChangeException or ArgumentException)
        {
            return (hypothesis, e.Message);
        }
    }

    private static string? Forbidden(ResearchState state, Change change)
    {
        var (parent, problem) = (state.Incumbent.Candidate, state.Problem);
        var candidate = parent.Apply(change);
        if (new EditableSurface(problem.Editable).Violation(parent.Source, candidate.Source) is { } violation) return violation;
        if (candidate.Parameters.Equals(parent.Parameters)) return null;
        if (problem.SearchSpace is { } space) return space.Validate(candidate.Parameters);
        return candidate.Parameters.Keys.FirstOrDefault(name => !parent.Parameters.ContainsKey(name)) is { } unknown
            ? $"there is no parameter '{unknown}'; there are: "
                + $"{(parent.Parameters.Count == 0 ? "none" : string.Join(", ", parent.Parameters.Keys))}"
            : null;
    }

    private async Task<(string Text, string Model, ChatFinishReason? Finish)> CallAsync(
        List<ChatMessage> messages, int trial, CancellationToken cancellationToken)
    {
        var clock = _options.TimeProvider;
        var outage = new OutageBackoff(clock, _options.RetryDelay, _options.MaxRetryDelay,
            _answered || _options.MaxOutage < s_firstAnswer ? _options.MaxOutage : s_firstAnswer);
        while (true)
        {
            var start = clock.GetTimestamp();
            try
            {
                var response = await CallOnceAsync(messages, cancellationToken).ConfigureAwait(false);
                _answered = true;
                var model = response.ModelId ?? _model;
                Record(messages, trial, response, model, clock.GetElapsedTime(start));
                return (response.Text, model, response.FinishReason);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested && (_options.IsTransient ?? IsTransient)(e))
            {
                await outage.WaitAsync(e, Name, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<ChatResponse> CallOnceAsync(List<ChatMessage> messages, CancellationToken cancellationToken)
    {
        var options = new ChatOptions
        {
            ModelId = _options.Model,
            MaxOutputTokens = _options.MaxOutputTokens,
            Temperature = _options.Temperature,
            ResponseFormat = ChatResponseFormat.ForJsonSchema(ChatReply.Schema, "proposal",
                "A proposal for the next experiment."),
        };
        _options.Configure?.Invoke(options);
        using var timeout = new CancellationTokenSource(_options.CallTimeout, _options.TimeProvider);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            // WaitAsync: a client that ignores its token must not hold the loop.
            var call = _options.Stream
                ? _client.GetStreamingResponseAsync([.. messages], options, stop.Token).ToChatResponseAsync(stop.Token)
                : _client.GetResponseAsync([.. messages], options, stop.Token);
            return await call.WaitAsync(stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"The model did not answer within {_options.CallTimeout}.", e);
        }
    }

    private void Record(List<ChatMessage> messages, int trial, ChatResponse response, string model, TimeSpan time)
    {
        var usage = response.Usage;
        var input = usage?.InputTokenCount is > 0 and { } i ? i : messages.Sum(m => HistorySummary.Tokens(m.Text));
        var output = usage?.OutputTokenCount is > 0 and { } o ? o : HistorySummary.Tokens(response.Text);
        Ledger.Add(new ChatCall
        {
            Time = _options.TimeProvider.GetUtcNow(),
            Trial = trial,
            Proposer = Name,
            Model = model,
            PromptHash = HashOf(messages),
            Cost = new(_options.Prices?.Of(model).Of(input, output, usage?.CachedInputTokenCount ?? 0) ?? 0, input, output, time),
            IsEstimated = usage?.InputTokenCount is not > 0 || usage.OutputTokenCount is not > 0,
            FinishReason = response.FinishReason?.Value,
            Prompt = _options.RecordText ? string.Join('\n', messages.Select(m => $"{m.Role.Value}: {m.Text}")) : null,
            Reply = _options.RecordText ? response.Text : null,
        });
    }

    private void RecordEmbedding(ResearchState state, long tokens)
    {
        var model = (_options.Novelty!.Embeddings!.GetService(
            typeof(EmbeddingGeneratorMetadata)) as EmbeddingGeneratorMetadata)?.DefaultModelId ?? "embedding";
        Ledger.Add(new ChatCall
        {
            Time = _options.TimeProvider.GetUtcNow(),
            Trial = state.NextTrial,
            Proposer = Name,
            Model = model,
            PromptHash = "",
            Cost = new(_options.Prices?.Of(model).Of(tokens, 0) ?? 0, tokens),
            FinishReason = "embedding",
        });
    }

    // Of failures that no waiting cures, the loop gets to know at once.
    private static bool IsTransient(Exception e) => e switch
    {
        HttpRequestException { StatusCode: { } status } => (int)status is not (400 or 401 or 402 or 403 or 404 or 413 or 422),
        ObjectDisposedException or ArgumentException or NotSupportedException or NotImplementedException => false,
        _ => true,
    };

    private Hypothesis Empty(ResearchState state) => new()
    {
        ParentId = state.Incumbent.Candidate.Id,
        Change = new InvalidChange("it could not be read"),
        Title = "unreadable proposal",
        Proposer = Name,
    };

    private static string HashOf(List<ChatMessage> messages)
    {
        var text = string.Join('\u0001', messages.Select(m => $"{m.Role.Value}\u0001{m.Text}"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
    }

    private static string Short(string text, int length) => text.Length <= length ? text : text[..(length - 1)] + "…";
}
