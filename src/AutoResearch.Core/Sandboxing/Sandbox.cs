namespace AutoResearch;

/// <summary>The sandboxes in the box.</summary>
public static class Sandbox
{
    /// <summary>The strongest sandbox that this machine has: bubblewrap, on Linux.</summary>
    /// <param name="policy">What programs may do; null for the default.</param>
    /// <exception cref="SandboxException">There is none; the message says why, and what can be done.</exception>
    public static ISandbox Require(SandboxPolicy? policy = null)
    {
        var sandbox = new BubblewrapSandbox(policy);
        return sandbox.Describe().Problem is { } problem ? throw Missing(problem) : sandbox;
    }

    /// <summary>
    /// No sandbox: the program can do all that you can. For programs that you wrote yourself, or a machine that is one.
    /// </summary>
    /// <param name="reason">Why that is right here; recorded with every run.</param>
    public static ISandbox None(string reason)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        return new NoSandbox(reason);
    }

    internal static SandboxException Missing(string problem) => new(
        $"There is no sandbox: {problem} Without one a program can do all that you can. If that is right here, say so: "
        + "Sandbox = Sandbox.None(\"why\"), or take limits without isolation: new ProcessLimits().");
}
