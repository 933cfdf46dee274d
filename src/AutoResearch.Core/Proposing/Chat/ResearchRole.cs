namespace AutoResearch;

/// <summary>What a language model is asked to do this time: one way of looking for ideas.</summary>
/// <param name="Name">A short name, e.g. "explore".</param>
/// <param name="Prompt">What the model is told.</param>
public sealed record ResearchRole(string Name, string Prompt)
{
    /// <summary>When it makes sense to take the role; null for always.</summary>
    public Func<ResearchState, bool>? When { get; init; }

    /// <summary>Try something that nothing in the history resembles.</summary>
    public static ResearchRole Explore { get; } = new("explore",
        "Look for a direction that the history has not covered: another mechanism, not another value of a known setting. "
        + "Prefer an idea whose failure would also teach something.");

    /// <summary>Push further what has helped.</summary>
    public static ResearchRole Exploit { get; } = new("exploit",
        "Take the accepted ideas with the largest gains and push them further: a stronger value, "
        + "the same mechanism in a place where it is not yet used, or the next step that they suggest.")
    {
        When = s => s.Incumbent.Version > 0,
    };

    /// <summary>Put together ideas that were almost good enough.</summary>
    public static ResearchRole Combine { get; } = new("combine",
        "Combine two or three near misses that change different things and could add up, or that could help each other. "
        + "Take their changes as they were; do not add new ones.")
    {
        When = s => HistorySummary.NearMisses(s).Count >= 2,
    };

    /// <summary>Make it simpler without making it worse.</summary>
    public static ResearchRole Simplify { get; } = new("simplify",
        "Remove code or settings that do not earn their place: the aim is an equal result with less. The expected gain is 0.")
    { When = s => s.Incumbent.Version > 0 };

    /// <summary>Repair a promising idea whose run failed.</summary>
    public static ResearchRole Fix { get; } = new("fix",
        "Take the most promising idea whose run failed, find the cause in its log, and propose the idea again without the fault. "
        + "If the idea cannot work, propose what it was meant to achieve by other means.")
    {
        When = s => s.Trials.Reverse().Take(12).Any(HistorySummary.Failed),
    };

    /// <summary>Find out which part of the accepted changes matters.</summary>
    public static ResearchRole Ablate { get; } = new("ablate",
        "Take one accepted change back, or half of it, to learn whether it still helps beside the later ones.")
    { When = s => s.Incumbent.Version > 1 };

    /// <summary>All roles of the library.</summary>
    public static IReadOnlyList<ResearchRole> All { get; } = [Explore, Exploit, Combine, Simplify, Fix, Ablate];
}
