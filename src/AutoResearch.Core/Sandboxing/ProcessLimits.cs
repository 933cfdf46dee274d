namespace AutoResearch;

/// <summary>
/// Limits without isolation, for systems that have no sandbox: no credentials in the environment, bounds on files, memory and
/// processes as far as the system has them. It stops accidents and runaways, not intent: the program reads and writes all that
/// you can, and has the network.
/// </summary>
public sealed class ProcessLimits : ISandbox
{
    private readonly bool _posix = !OperatingSystem.IsWindows();

    /// <summary>Creates the limits.</summary>
    /// <param name="policy">The limits; its paths, devices and network switch have no effect. Null for the default.</param>
    public ProcessLimits(SandboxPolicy? policy = null) => Policy = (policy ?? SandboxPolicy.Default).Validate();

    /// <inheritdoc/>
    public SandboxPolicy Policy { get; }

    /// <inheritdoc/>
    public SandboxDescription Describe()
    {
        var covered = new Dictionary<SandboxProtection, string> { [SandboxProtection.Environment] = "allow-list" };
        if (_posix && Policy.FileBytes is not null) covered[SandboxProtection.FileSize] = "rlimit";
        if (Policy.DiskBytes is not null) covered[SandboxProtection.Disk] = "sampled";
        if (OperatingSystem.IsLinux() && Policy.Processes is not null) covered[SandboxProtection.ProcessCount] = "sampled";
        if (OperatingSystem.IsLinux() && Policy.MemoryBytes is not null)
            covered[SandboxProtection.Memory] = "rlimit per process, sampled in sum";
        return new("process limits", covered);
    }

    /// <inheritdoc/>
    public SandboxLaunch Wrap(SandboxCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        return new(_posix ? ShellLimits.Wrap(Policy, command, countsProcesses: false) : [command.Program, .. command.Arguments]);
    }
}
