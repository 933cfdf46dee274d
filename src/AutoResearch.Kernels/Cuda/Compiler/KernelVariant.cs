namespace AutoResearch.Kernels;

/// <summary>One of the library's kernels in one specialisation, with the budget that the compile gate holds it to.</summary>
/// <param name="File">File in Cuda/Kernels, as in <c>attention_forward.cu</c>.</param>
/// <param name="Entry">The kernel: name of an <c>extern "C"</c> kernel, or a C++ name with its template arguments.</param>
/// <param name="Registers">Most registers of a thread.</param>
internal sealed record KernelVariant(string File, string Entry, int Registers)
{
    /// <summary>The architectures that the gate compiles for.</summary>
    internal static IReadOnlyList<string> AllArchitectures { get; } = ["sm_80", "sm_86", "sm_89", "sm_90a"];

    /// <summary>Preprocessor definitions that make the specialisation.</summary>
    internal IReadOnlyDictionary<string, string> Defines { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>More options of NVRTC.</summary>
    internal IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>Architectures it exists for.</summary>
    internal IReadOnlyList<string> Architectures { get; init; } = AllArchitectures;

    /// <summary>Registers in single architectures, where they differ from <see cref="Registers"/>.</summary>
    internal IReadOnlyDictionary<string, int> RegistersOf { get; init; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>Bytes that may be spilled (stores and loads each). 0 for every kernel that a step spends time in.</summary>
    internal int SpillBytes { get; init; }

    /// <summary>
    /// The source that is compiled. Variants of the same file, definitions and options share one translation unit.
    /// </summary>
    internal KernelSource Source() => EmbeddedKernels.Source(File, Entry) with { Defines = Defines, Options = Options };

    /// <summary>Entry and definitions, as the table shows them.</summary>
    internal string Label => Defines.Count == 0
        ? Entry
        : $"{Entry} ({string.Join(", ", Defines.OrderBy(d => d.Key, StringComparer.Ordinal).Select(d => $"{d.Key}={d.Value}"))})";
}
