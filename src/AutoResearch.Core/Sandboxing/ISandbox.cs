namespace AutoResearch;

/// <summary>Confines the programs of experiments. Thread-safe.</summary>
public interface ISandbox
{
    /// <summary>What programs may do.</summary>
    SandboxPolicy Policy { get; }

    /// <summary>What is covered on this machine, or why the sandbox cannot be used. Looked up once.</summary>
    SandboxDescription Describe();

    /// <summary>The command that runs a command inside of the sandbox.</summary>
    /// <exception cref="SandboxException">A path of the policy does not exist, or the program cannot be read inside.</exception>
    SandboxLaunch Wrap(SandboxCommand command);
}
