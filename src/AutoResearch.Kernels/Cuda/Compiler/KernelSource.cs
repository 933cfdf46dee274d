namespace AutoResearch.Kernels;

/// <summary>
/// CUDA C++ that is to be compiled at run time: a kernel of the library, or a user's own as a hypothesis. An immutable value; use
/// <c>with</c> for variants.
/// </summary>
/// <remarks>
/// There are no standard headers: <c>#include</c> finds what <see cref="Headers"/> carries. Functions without an execution space
/// are device functions.
/// </remarks>
public sealed record KernelSource
{
    /// <summary>Creates a source.</summary>
    /// <param name="text">The CUDA C++ text of one translation unit.</param>
    /// <param name="entryPoints">
    /// Kernels that are called: names of <c>extern "C"</c> kernels, or C++ names such as <c>reduce&lt;float, 128&gt;</c>,
    /// which are instantiated.
    /// </param>
    /// <exception cref="ArgumentException">Text or entry points are empty.</exception>
    public KernelSource(string text, params IReadOnlyList<string> entryPoints)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        ArgumentNullException.ThrowIfNull(entryPoints);
        if (entryPoints.Count == 0 || entryPoints.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("At least one entry point must be named, and none may be empty.", nameof(entryPoints));
        (Text, EntryPoints) = (text, [.. entryPoints]);
    }

    /// <summary>The CUDA C++ text.</summary>
    public string Text { get; init; }

    /// <summary>Kernels that are called, in the order given.</summary>
    public IReadOnlyList<string> EntryPoints { get; init; }

    /// <summary>File name in the compiler's messages.</summary>
    /// <value>Default: <c>kernel.cu</c>.</value>
    public string Name { get; init; } = "kernel.cu";

    /// <summary>Preprocessor definitions: name and value.</summary>
    /// <value>Default: none.</value>
    public IReadOnlyDictionary<string, string> Defines { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Texts that <c>#include</c> finds, by the name it is given.</summary>
    /// <value>Default: none.</value>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>More options of NVRTC, as in <c>--use_fast_math</c> or <c>--maxrregcount=128</c>.</summary>
    /// <value>
    /// Default: none. Always given: architecture, <c>--std=c++17</c>, <c>-default-device</c>, <c>--ptxas-options=-v</c>.
    /// </value>
    public IReadOnlyList<string> Options { get; init; } = [];
}
