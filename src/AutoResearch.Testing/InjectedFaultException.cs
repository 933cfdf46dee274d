namespace AutoResearch.Testing;

/// <summary>A fault that a <see cref="FaultInjector"/> made.</summary>
public sealed class InjectedFaultException : Exception
{
    /// <summary>Creates the exception.</summary>
    public InjectedFaultException(string message) : base(message) { }

    /// <summary>Creates the exception with a default message.</summary>
    public InjectedFaultException() : this("An injected fault.") { }

    /// <summary>Creates the exception with a cause.</summary>
    public InjectedFaultException(string message, Exception innerException) : base(message, innerException) { }
}
