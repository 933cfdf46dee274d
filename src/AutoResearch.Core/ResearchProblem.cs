using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>What is to be improved, from where, and under which rules.</summary>
public sealed record ResearchProblem
{
    /// <summary>Creates a problem.</summary>
    /// <param name="name">A short name for reports and directories.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty.</exception>
    public ResearchProblem(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        Name = name;
    }

    /// <summary>A short name for reports and directories.</summary>
    public string Name { get; }

    /// <summary>The metric that decides.</summary>
    public required Objective Objective { get; init; }

    /// <summary>Where the search starts.</summary>
    public required Candidate Baseline { get; init; }

    /// <summary>What one experiment may spend. Default: no limit.</summary>
    public Budget Budget { get; init; } = Budget.Unlimited;

    /// <summary>Limits on other metrics. Default: none.</summary>
    public IReadOnlyList<Guard> Guards { get; init; } = [];

    /// <summary>What the researcher is told, like autoresearch's program.md. Default: empty.</summary>
    public string Instructions { get; init; } = "";

    /// <summary>
    /// Globs of the source files that candidates may change, create or delete, e.g. <c>train.py</c> or <c>src/**/*.cs</c>; a
    /// candidate that touches another file is not run, whoever proposed it. Default: none, which leaves the source tree open.
    /// </summary>
    public IReadOnlyList<string> Editable { get; init; } = [];

    /// <summary>The parameters that may vary; null when only source files do.</summary>
    [JsonIgnore]
    public SearchSpace? SearchSpace { get; init; }
}
