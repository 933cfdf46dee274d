namespace AutoResearch.Adversarial.Tests;

/// <summary>A hostile candidate: what it is after, how, and how it has to end in the sandbox.</summary>
/// <param name="Name">A short name, as in docs/security.md.</param>
/// <param name="Trap">What it tries, in one sentence.</param>
internal sealed record Adversary(string Name, string Trap)
{
    /// <summary>Its program in the place of train.sh, see <see cref="Laboratory"/> for the names in braces.</summary>
    public string? Shell { get; init; }

    /// <summary>Its program in the place of train.py, after the prelude.</summary>
    public string? Python { get; init; }

    /// <summary>What it proposes in the place of a program; it is refused before anything runs.</summary>
    public Change? Proposal { get; init; }

    /// <summary>The outcomes that are right. Default: it ran, and its attempts were in vain.</summary>
    public RunOutcome[] Ends { get; init; } = [RunOutcome.Completed];

    /// <summary>A part of the run's message, or of the verdict's reason when it is refused.</summary>
    public string Message { get; init; } = "";

    /// <summary>True when it does harm, or gets an accept, where there is no sandbox.</summary>
    public bool EscapesWithoutSandbox { get; init; }

    /// <summary>True when that takes root's rights, or a machine that is open in this respect.</summary>
    public bool DependsOnMachine { get; init; }

    /// <summary>
    /// True when it would do harm to the machine itself outside, so that it is never run there; it counts as an escape.
    /// </summary>
    public bool OnlyInside { get; init; }

    /// <summary>True to score it by an <see cref="EvaluatorCommand"/>, a program of its own, in the place of a host.</summary>
    public bool Evaluated { get; init; }

    /// <summary>A file that it proposes besides its program.</summary>
    public WriteFile? Brings { get; init; }

    /// <summary>True to run it in a worktree of a git repository.</summary>
    public bool InGit { get; init; }

    /// <summary>Wall time of a run, in seconds.</summary>
    public double Seconds { get; init; } = 20;

    public override string ToString() => Name;
}
