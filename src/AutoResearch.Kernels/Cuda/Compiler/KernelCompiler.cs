using System.Security.Cryptography;
using System.Text;

namespace AutoResearch.Kernels;

/// <summary>
/// Compiles CUDA C++ at run time, or takes it from the cache on disk. Needs NVRTC, but no GPU and no driver. Thread-safe.
/// </summary>
/// <remarks>
/// The cache's key is the hash of text, headers, definitions, options, entry points and architecture together with NVRTC's
/// version, so a cached kernel is what compiling would give. Where NVRTC is missing, kernels that a cache brought from
/// elsewhere holds are used.
/// </remarks>
public sealed class KernelCompiler
{
    private static readonly Version FirstWithOwnCache = new(12, 9);

    private readonly Lazy<Nvrtc> _nvrtc;
    private readonly CubinCache? _cache;

    /// <summary>Creates a compiler. NVRTC is looked for when it is first needed.</summary>
    /// <param name="options">Options; the defaults when null.</param>
    public KernelCompiler(KernelCompilerOptions? options = null)
    {
        options ??= new();
        _nvrtc = new(() => new Nvrtc(options.Libraries), LazyThreadSafetyMode.PublicationOnly);
        if (options.CacheDirectory is { } directory) _cache = new(directory, options.CacheLimitBytes, options.Clock);
    }

    /// <summary>NVRTC's version.</summary>
    /// <exception cref="CudaNotFoundException">There is no NVRTC.</exception>
    public Version Version => _nvrtc.Value.Version;

    /// <summary>Compiles.</summary>
    /// <param name="source">The source.</param>
    /// <param name="architecture">
    /// A real architecture such as <c>sm_80</c> or <c>sm_90a</c>; see <see cref="CudaDevice.Architecture"/>.
    /// </param>
    /// <returns>The compiled kernels.</returns>
    /// <exception cref="KernelCompileException">The source has errors, or the architecture is unknown to this NVRTC.</exception>
    /// <exception cref="CudaNotFoundException">There is no NVRTC, and the cache does not hold the kernel.</exception>
    public KernelBinary Compile(KernelSource source, string architecture)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (string.IsNullOrEmpty(architecture) || !architecture.StartsWith("sm_", StringComparison.Ordinal))
            throw new ArgumentException($"'{architecture}' is no real architecture: sm_80, sm_86, sm_89, sm_90a.",
                nameof(architecture));
        var options = Options(source, architecture);
        var key = Key(source, options);
        Nvrtc nvrtc;
        try
        {
            nvrtc = _nvrtc.Value;
        }
        catch (CudaNotFoundException) when (_cache?.TryReadAny(key) is { } carried)
        {
            // Compiled elsewhere and brought along: all that is unknown is which version of the compiler would be used here.
            return new(source, architecture, carried.Cubin, carried.Log, carried.LoweredNames, fromCache: true);
        }

        var name = $"{key}-{nvrtc.Version}";
        if (_cache?.TryRead(name) is { } cached)
            return new(source, architecture, cached.Cubin, cached.Log, cached.LoweredNames, fromCache: true);
        // From its own cache NVRTC answers without the assembler's report.
        if (nvrtc.Version >= FirstWithOwnCache) options.Add("--no-cache");
        var (cubin, log, names) = nvrtc.Compile(source, options);
        _cache?.Write(name, new(cubin, log, names));
        return new(source, architecture, cubin, log, names, fromCache: false);
    }

    internal static string Key(KernelSource source, IReadOnlyList<string> options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        Part("AutoResearch kernel 1", length);
        Part(source.Name, length);
        Part(source.Text, length);
        Part("headers", length);
        foreach (var (name, text) in source.Headers.OrderBy(h => h.Key, StringComparer.Ordinal))
        {
            Part(name, length);
            Part(text, length);
        }

        Part("options", length);
        foreach (var option in options) Part(option, length);
        Part("entry points", length);
        foreach (var entry in source.EntryPoints) Part(entry, length);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        // Every part with its length before it: parts cannot run into each other.
        void Part(string text, Span<byte> length)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }
    }

    private static List<string> Options(KernelSource source, string architecture)
    {
        List<string> options = [$"--gpu-architecture={architecture}", "--std=c++17", "-default-device", "--ptxas-options=-v"];
        foreach (var (name, value) in source.Defines.OrderBy(d => d.Key, StringComparer.Ordinal))
            options.Add($"--define-macro={name}={value}");
        options.AddRange(source.Options);
        return options;
    }
}
