namespace AutoResearch;

/// <summary>One run to be made: what, with which seed, under which budget, and why.</summary>
public sealed record Experiment
{
    /// <summary>Unique in its loop, e.g. "e0042". A run directory or a result is never shared between two ids.</summary>
    public required string Id { get; init; }

    /// <summary>What runs.</summary>
    public required Candidate Candidate { get; init; }

    /// <summary>The seed, chosen by the loop and never by the candidate: 0 … 2³¹−1, so that every framework takes it.</summary>
    public required long Seed { get; init; }

    /// <summary>What it may spend.</summary>
    public required Budget Budget { get; init; }

    /// <summary>Why it runs.</summary>
    public RunPurpose Purpose { get; init; } = RunPurpose.Screen;

    /// <summary>
    /// Share of the full budget that the run gets, above 0 and at most 1; see <see cref="ScaledBudget"/>. Default 1.
    /// </summary>
    public double Fidelity { get; init; } = 1;

    /// <summary>
    /// The trial it belongs to; 0 for the baseline. Runs after the search, of whatever arm, belong to the
    /// final candidate's trial.
    /// </summary>
    public int Trial { get; init; }

    /// <summary>1 for the first attempt, more after infrastructure failures, cancellations and crashes of the loop.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>
    /// The budget at this <see cref="Fidelity"/>: training time, steps, tokens and FLOPs are multiplied by it, whole steps and
    /// tokens being at least 1. Limits that guard the machine (wall time, memory, money) stay. A run is shorter, with the
    /// whole schedule in it.
    /// </summary>
    public Budget ScaledBudget() => Fidelity >= 1 ? Budget : Budget with
    {
        Training = Budget.Training * Fidelity,
        Steps = Budget.Steps is { } steps ? Math.Max(1, (long)(steps * Fidelity)) : null,
        Tokens = Budget.Tokens is { } tokens ? Math.Max(1, (long)(tokens * Fidelity)) : null,
        Flops = Budget.Flops * Fidelity,
    };
}
