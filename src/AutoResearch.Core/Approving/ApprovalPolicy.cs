namespace AutoResearch;

/// <summary>
/// Which changes are allowed, asked for, or refused, by kind and by file, and how long an answer may take. The strictest rule
/// among a candidate's changes decides. Immutable.
/// </summary>
public sealed record ApprovalPolicy
{
    /// <summary>Other values of parameters. Default <see cref="ApprovalRule.Allow"/>.</summary>
    public ApprovalRule Parameters { get; init; } = ApprovalRule.Allow;

    /// <summary>Edits of files there are. Default <see cref="ApprovalRule.Ask"/>.</summary>
    public ApprovalRule Edits { get; init; } = ApprovalRule.Ask;

    /// <summary>New files. Default <see cref="ApprovalRule.Ask"/>.</summary>
    public ApprovalRule NewFiles { get; init; } = ApprovalRule.Ask;

    /// <summary>Deleted files. Default <see cref="ApprovalRule.Ask"/>.</summary>
    public ApprovalRule Deletes { get; init; } = ApprovalRule.Ask;

    /// <summary>
    /// Rules for files by glob, as in <see cref="EditableSurface"/>, in the place of the three above; the first that matches
    /// counts. Default none.
    /// </summary>
    public IReadOnlyList<(string Glob, ApprovalRule Rule)> Files { get; init; } = [];

    /// <summary>Keeping what was accepted. Default <see cref="ApprovalRule.Ask"/>.</summary>
    public ApprovalRule Keeps { get; init; } = ApprovalRule.Ask;

    /// <summary>
    /// Keeping what <see cref="QuarantineRatchet"/> holds, where that is stricter than <see cref="Keeps"/>. Default
    /// <see cref="ApprovalRule.Ask"/>.
    /// </summary>
    public ApprovalRule Quarantined { get; init; } = ApprovalRule.Ask;

    /// <summary>How long an answer may take, in each session anew; null (the default) for ever.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>What happens when nobody answers in time. Default <see cref="ApprovalTimeoutAction.Deny"/>.</summary>
    public ApprovalTimeoutAction OnTimeout { get; init; }

    /// <summary>The rule for a request, and the reason in words.</summary>
    public (ApprovalRule Rule, string Reason) Decide(ApprovalRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Stage == ApprovalStage.Keep)
        {
            return request.Verdict is { } verdict && QuarantineRatchet.IsQuarantined(verdict) && Quarantined > Keeps
                ? (Quarantined, $"quarantined keeps: {Word(Quarantined)}")
                : (Keeps, $"keeps: {Word(Keeps)}");
        }

        var decided = request.Changes.Select(c => (Rule: Of(c), Reason: $"{What(c.Kind)} '{c.Name}': {Word(Of(c))}")).ToArray();
        return decided.Length == 0 ? (ApprovalRule.Allow, "nothing is changed") : decided.MaxBy(d => d.Rule);
    }

    internal ApprovalPolicy Validate()
    {
        _ = new EditableSurface(Files.Select(f => f.Glob));
        if (Timeout <= TimeSpan.Zero)
            throw new ArgumentException($"ApprovalPolicy.Timeout is {Timeout}; it must be positive, or null for no limit.");
        return this;
    }

    private ApprovalRule Of(ProposedChange change)
    {
        if (change.Kind == ProposedChangeKind.Parameter) return Parameters;
        foreach (var (glob, rule) in Files)
        {
            if (new EditableSurface([glob]).Allows(change.Name)) return rule;
        }

        return change.Kind switch { ProposedChangeKind.Edit => Edits, ProposedChangeKind.NewFile => NewFiles, _ => Deletes };
    }

    private static string Word(ApprovalRule rule) =>
        rule switch { ApprovalRule.Allow => "allowed", ApprovalRule.Ask => "to be asked", _ => "denied" };

    private static string What(ProposedChangeKind kind) => kind switch
    {
        ProposedChangeKind.Parameter => "parameter",
        ProposedChangeKind.Edit => "edit of",
        ProposedChangeKind.NewFile => "new file",
        _ => "deletion of",
    };
}
