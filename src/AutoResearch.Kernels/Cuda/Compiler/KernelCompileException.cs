namespace AutoResearch.Kernels;

/// <summary>One message of the compiler.</summary>
/// <param name="File">File name; empty when the message has none.</param>
/// <param name="Line">Line, from 1; 0 when the message has none.</param>
/// <param name="IsError">False for warnings and remarks.</param>
/// <param name="Text">The message.</param>
public sealed record CompilerMessage(string File, int Line, bool IsError, string Text)
{
    /// <summary>The message with its place, as in <c>kernel.cu(3): identifier "foo" is undefined</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Line > 0 ? FormattableString.Invariant($"{File}({Line}): {Text}") : Text;
}

/// <summary>CUDA C++ did not compile. The message holds the first errors with their source lines.</summary>
public sealed class KernelCompileException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">The whole message.</param>
    /// <param name="errors">The compiler's errors, in order; empty when it only says that it failed.</param>
    /// <param name="log">All the compiler said.</param>
    public KernelCompileException(string message, IReadOnlyList<CompilerMessage> errors, string log) : base(message) =>
        (Errors, Log) = (errors, log);

    /// <summary>The compiler's errors, in order.</summary>
    public IReadOnlyList<CompilerMessage> Errors { get; }

    /// <summary>All the compiler said.</summary>
    public string Log { get; }
}
