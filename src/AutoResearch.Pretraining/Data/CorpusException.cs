namespace AutoResearch.Pretraining;

/// <summary>Text for training is missing, unreadable or too small. The message says what was found and what would help.</summary>
public sealed class CorpusException : Exception
{
    /// <summary>Creates the exception.</summary>
    public CorpusException()
    {
    }

    /// <summary>Creates the exception with its message.</summary>
    public CorpusException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception with its message and cause.</summary>
    public CorpusException(string message, Exception? innerException) : base(message, innerException)
    {
    }
}
