namespace AutoResearch;

/// <summary>
/// One line of research: a loop with a name of its own, e.g. one about the optimizer and one about the architecture.
/// </summary>
public sealed class ResearchBranch
{
    /// <summary>Describes a branch.</summary>
    /// <param name="name">Its name: letters, digits, dashes and dots; also that of its directory.</param>
    /// <param name="problem">What is to be improved. Branches that are to be compared have the same objective
    /// and baseline.</param>
    /// <param name="build">Sets proposer, runner and the rest. Where it records to is set by
    /// <see cref="BranchedResearch"/>.</param>
    /// <exception cref="ArgumentException">The name cannot be a directory.</exception>
    public ResearchBranch(string name, ResearchProblem problem, Action<ResearchLoopBuilder> build)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (name[0] == '.' || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            throw new ArgumentException($"The branch name '{name}' cannot be a directory; use letters, digits, dashes and dots.",
                nameof(name));
        Name = name;
        Problem = problem ?? throw new ArgumentNullException(nameof(problem));
        Build = build ?? throw new ArgumentNullException(nameof(build));
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>What is to be improved.</summary>
    public ResearchProblem Problem { get; }

    internal Action<ResearchLoopBuilder> Build { get; }
}
