namespace AutoResearch;

/// <summary>The absence of a sandbox, chosen by name.</summary>
internal sealed class NoSandbox(string reason) : ISandbox
{
    public SandboxPolicy Policy { get; } = new()
    {
        Network = true, Processes = null, FileBytes = null, DiskBytes = null, DiskFiles = null, OpenFiles = null,
    };

    public SandboxDescription Describe() => new($"none ({reason})", new Dictionary<SandboxProtection, string>());

    public SandboxLaunch Wrap(SandboxCommand command) => new([command.Program, .. command.Arguments]);
}
