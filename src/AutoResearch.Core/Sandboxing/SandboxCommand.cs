namespace AutoResearch;

/// <summary>A program to be run in a sandbox.</summary>
public sealed record SandboxCommand
{
    /// <summary>Full path of the program.</summary>
    public required string Program { get; init; }

    /// <summary>Its arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>
    /// Full path of the directory that it starts in. It can be read, and written if <see cref="Writable"/> says so.
    /// </summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>Full paths of directories that belong to this run and may be written.</summary>
    public IReadOnlyList<string> Writable { get; init; } = [];

    /// <summary>Full paths of files and directories that this run may read, beside those of the policy.</summary>
    public IReadOnlyList<string> Readable { get; init; } = [];
}
