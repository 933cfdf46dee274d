namespace AutoResearch.Kernels;

/// <summary>The library's own CUDA C++: the files of Cuda/Kernels, embedded in the assembly.</summary>
internal static class EmbeddedKernels
{
    private static readonly Lazy<IReadOnlyDictionary<string, string>> AllHeaders = new(() =>
        Names().Where(name => name.EndsWith(".cuh", StringComparison.Ordinal))
            .ToDictionary(name => name, Read, StringComparer.Ordinal));

    /// <summary>Every header, by the name that <c>#include</c> uses.</summary>
    internal static IReadOnlyDictionary<string, string> Headers => AllHeaders.Value;

    /// <summary>File names of all kernels, without headers.</summary>
    internal static IEnumerable<string> Files() => Names().Where(name => name.EndsWith(".cu", StringComparison.Ordinal));

    /// <summary>The text of a file.</summary>
    internal static string Read(string file)
    {
        using var stream = typeof(EmbeddedKernels).Assembly.GetManifestResourceStream(file)
            ?? throw new ArgumentException($"There is no embedded kernel file {file}: {string.Join(", ", Names())}.",
                nameof(file));
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>A kernel file as a source, with those headers that it includes, directly or not.</summary>
    /// <param name="file">File name, as in <c>attention_forward.cu</c>.</param>
    /// <param name="entryPoints">Kernels that are called.</param>
    internal static KernelSource Source(string file, params IReadOnlyList<string> entryPoints)
    {
        var text = Read(file);
        return new(text, entryPoints) { Name = file, Headers = Included(text) };
    }

    // Only what is included counts for the cache's key: a change of one header spares the kernels that do not use it.
    private static Dictionary<string, string> Included(string text)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        var waiting = new Queue<string>([text]);
        while (waiting.TryDequeue(out var next))
        {
            foreach (var (name, header) in Headers)
            {
                if (!next.Contains($"\"{name}\"", StringComparison.Ordinal) || !found.TryAdd(name, header)) continue;
                waiting.Enqueue(header);
            }
        }

        return found;
    }

    private static IEnumerable<string> Names() => typeof(EmbeddedKernels).Assembly.GetManifestResourceNames()
        .Where(name => Path.GetExtension(name) is ".cu" or ".cuh").Order(StringComparer.Ordinal);
}
