namespace AutoResearch;

/// <summary>
/// A change could not be applied to its parent. The message names the part and the reason, fit to be told to the proposer.
/// </summary>
public sealed class ChangeException : Exception
{
    /// <summary>Creates the exception.</summary>
    public ChangeException(string message) : base(message) { }

    /// <summary>Creates the exception with a cause.</summary>
    public ChangeException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Creates the exception with a default message.</summary>
    public ChangeException() : base("The change does not apply to its parent.") { }
}
