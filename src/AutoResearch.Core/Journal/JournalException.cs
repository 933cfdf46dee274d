namespace AutoResearch;

/// <summary>Something is wrong with a journal. The message names the file and says what to do.</summary>
public class JournalException : IOException
{
    /// <summary>Creates the exception.</summary>
    public JournalException(string message, Exception? innerException = null) : base(message, innerException) { }

    /// <summary>Creates the exception with a default message.</summary>
    public JournalException() : this("The journal cannot be used.") { }

    /// <summary>Creates the exception.</summary>
    public JournalException(string message) : this(message, null) { }
}

/// <summary>A line that had been acknowledged is missing or was changed, or the events do not fit together.</summary>
public sealed class JournalCorruptException : JournalException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The journal file.</param>
    /// <param name="line">The first bad line, from 1.</param>
    /// <param name="offset">Where that line begins, in bytes.</param>
    /// <param name="problem">What was expected and what was found.</param>
    /// <param name="innerException">The cause, if there is one.</param>
    public JournalCorruptException(string path, long line, long offset, string problem, Exception? innerException = null) : base(
        $"The journal '{path}' is damaged at line {line} (byte {offset}): {problem} Nothing was changed. Restore the file from a "
        + $"copy, or keep the {line - 1} good lines with 'head -n {line - 1}' into a new directory and resume there.",
        innerException) =>
        (Path, Line, Offset, Problem) = (path, line, offset, problem);

    /// <summary>Creates the exception with a default message.</summary>
    public JournalCorruptException() : base("The journal is damaged.") { }

    /// <summary>Creates the exception.</summary>
    public JournalCorruptException(string message) : base(message) { }

    /// <summary>Creates the exception.</summary>
    public JournalCorruptException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>The journal file.</summary>
    public string Path { get; } = "";

    /// <summary>The first bad line, from 1.</summary>
    public long Line { get; }

    /// <summary>Where that line begins, in bytes.</summary>
    public long Offset { get; }

    /// <summary>What was expected and what was found.</summary>
    public string Problem { get; } = "";
}

/// <summary>The journal was written by a newer version of the library.</summary>
public sealed class JournalVersionException : JournalException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The journal file.</param>
    /// <param name="version">The version found in it.</param>
    /// <param name="supported">The newest version that this library reads.</param>
    public JournalVersionException(string path, long version, int supported)
        : base($"The journal '{path}' has format version {version}, but this library reads up to version {supported}. "
            + "Update AutoResearch.Core to open it; nothing was changed.") => (Version, Supported) = (version, supported);

    /// <summary>Creates the exception with a default message.</summary>
    public JournalVersionException() : base("The journal has a newer format version.") { }

    /// <summary>Creates the exception.</summary>
    public JournalVersionException(string message) : base(message) { }

    /// <summary>Creates the exception.</summary>
    public JournalVersionException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>The version found in the file.</summary>
    public long Version { get; }

    /// <summary>The newest version that this library reads.</summary>
    public int Supported { get; }
}

/// <summary>Another loop writes to the directory's journal.</summary>
public sealed class JournalLockedException : JournalException
{
    /// <summary>Creates the exception.</summary>
    public JournalLockedException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Creates the exception with a default message.</summary>
    public JournalLockedException() : base("Another loop writes to this journal.") { }

    /// <summary>Creates the exception.</summary>
    public JournalLockedException(string message) : base(message) { }
}
