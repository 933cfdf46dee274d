namespace AutoResearch;

/// <summary>The accepted candidate with all its evidence.</summary>
public sealed record Incumbent
{
    /// <summary>The candidate.</summary>
    public required Candidate Candidate { get; init; }

    /// <summary>All runs of it that ended with a result, in order: as baseline, as candidate, and as control.</summary>
    public required IReadOnlyList<Run> Runs { get; init; }

    /// <summary>0 for the baseline, then one more with every accept.</summary>
    public int Version { get; init; }

    /// <summary>The trial that brought it; 0 for the baseline.</summary>
    public int Trial { get; init; }

    /// <summary>
    /// That it is an earlier incumbent again, and who wanted that; null for the baseline and for what was accepted.
    /// </summary>
    public Reversion? Reversion { get; init; }

    /// <summary>How many trials there were when it became the incumbent.</summary>
    internal int Since { get; init; }
}
