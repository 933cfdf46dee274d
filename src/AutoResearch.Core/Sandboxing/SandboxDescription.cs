using System.Text;

namespace AutoResearch;

/// <summary>What a sandbox does on this machine, and what it does not do.</summary>
/// <param name="Name">What it is, with its version, e.g. "bubblewrap 0.8.0".</param>
/// <param name="Covered">What is protected, and by what means.</param>
public sealed record SandboxDescription(string Name, IReadOnlyDictionary<SandboxProtection, string> Covered)
{
    /// <summary>Why it cannot be used on this machine, and what to do about it; null when it can.</summary>
    public string? Problem { get; init; }

    /// <summary>What is not protected.</summary>
    public IReadOnlyList<SandboxProtection> NotCovered =>
        [.. Enum.GetValues<SandboxProtection>().Where(p => !Covered.ContainsKey(p))];

    /// <summary>One line with the name and what is not covered, as it is recorded with every run.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(Name);
        if (NotCovered.Count > 0) text.Append("; not covered: ").AppendJoin(", ", NotCovered);
        return text.ToString();
    }
}
