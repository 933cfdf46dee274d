namespace AutoResearch;

/// <summary>How a program is started inside of a sandbox.</summary>
/// <param name="Command">Program and arguments.</param>
public sealed record SandboxLaunch(IReadOnlyList<string> Command)
{
    /// <summary>The file descriptor for <see cref="Input"/>.</summary>
    public const int InputDescriptor = 8;

    /// <summary>The file descriptor for <see cref="ReportsExit"/>.</summary>
    public const int StatusDescriptor = 9;

    /// <summary>Variables that have to be set, e.g. HOME; the sandbox does not clear others.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// What the sandbox reads from <see cref="InputDescriptor"/>, e.g. a filter of system calls; null for nothing.
    /// </summary>
    public byte[]? Input { get; init; }

    /// <summary>
    /// True when the sandbox writes <c>"exit-code"</c> to <see cref="StatusDescriptor"/> once the program has ended: without that
    /// line the sandbox has failed, not the program, whatever the program may have printed.
    /// </summary>
    public bool ReportsExit { get; init; }
}
