namespace AutoResearch;

/// <summary>A language model's provider did not answer for as long as was agreed.</summary>
public sealed class ProviderOutageException : Exception
{
    /// <summary>Creates the exception.</summary>
    public ProviderOutageException(string message) : base(message) { }

    /// <summary>Creates the exception with the last failure.</summary>
    public ProviderOutageException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Creates the exception with a default message.</summary>
    public ProviderOutageException() : base("The language model's provider does not answer.") { }
}
