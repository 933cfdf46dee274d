namespace AutoResearch.Testing;

/// <summary>What a loop did in a <see cref="SimulatedObjective"/>, against the truth.</summary>
public sealed record SimulationScore
{
    /// <summary>By how much the final incumbent is truly better than the baseline; negative when it is worse.</summary>
    public required double TrueGain { get; init; }

    /// <summary>Accepted candidates.</summary>
    public required int Accepts { get; init; }

    /// <summary>Accepted candidates whose true effect is none or harm.</summary>
    public required int FalseAccepts { get; init; }

    /// <summary>Accepted candidates that are truly worse than what they replaced.</summary>
    public required int HarmfulAccepts { get; init; }

    /// <summary>Ideas that were tried.</summary>
    public required int Trials { get; init; }

    /// <summary>Runs that were made.</summary>
    public required int Experiments { get; init; }
}
