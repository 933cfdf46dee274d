namespace AutoResearch;

/// <summary>
/// A workspace cannot be used, or was changed by somebody else. The message says what to do; nothing was touched.
/// </summary>
public sealed class WorkspaceException : IOException
{
    /// <summary>Creates the exception.</summary>
    public WorkspaceException(string message) : base(message) { }

    /// <summary>Creates the exception with a cause.</summary>
    public WorkspaceException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Creates the exception with a default message.</summary>
    public WorkspaceException() : base("The workspace cannot be used.") { }
}
