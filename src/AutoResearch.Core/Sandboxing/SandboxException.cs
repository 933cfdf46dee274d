namespace AutoResearch;

/// <summary>A sandbox is missing or cannot be set up, so nothing was run. The message says what to do.</summary>
public sealed class SandboxException : InvalidOperationException
{
    /// <summary>Creates an exception without a message.</summary>
    public SandboxException()
    {
    }

    /// <summary>Creates an exception with a message.</summary>
    public SandboxException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a message and its cause.</summary>
    public SandboxException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
