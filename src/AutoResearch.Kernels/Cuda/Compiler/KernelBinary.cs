namespace AutoResearch.Kernels;

/// <summary>A compiled <see cref="KernelSource"/>.</summary>
public sealed class KernelBinary
{
    private readonly Lazy<CompileReport> _report;
    private readonly IReadOnlyDictionary<string, string> _loweredNames;

    internal KernelBinary(
        KernelSource source, string architecture, ReadOnlyMemory<byte> cubin, string log,
        IReadOnlyDictionary<string, string> loweredNames,
        bool fromCache)
    {
        (Source, Architecture, Cubin, Log, _loweredNames, IsFromCache) =
            (source, architecture, cubin, log, loweredNames, fromCache);
        _report = new(() => CompileReport.Parse(log));
    }

    /// <summary>What was compiled.</summary>
    public KernelSource Source { get; }

    /// <summary>Architecture, as in <c>sm_90a</c>.</summary>
    public string Architecture { get; }

    /// <summary>The ELF image.</summary>
    public ReadOnlyMemory<byte> Cubin { get; }

    /// <summary>All that the compiler said.</summary>
    public string Log { get; }

    /// <summary>The log, read: registers, spills, notes.</summary>
    public CompileReport Report => _report.Value;

    /// <summary>True when the cache held it.</summary>
    public bool IsFromCache { get; }

    /// <summary>Name of an entry point in the cubin.</summary>
    /// <param name="entryPoint">As given in the source.</param>
    /// <returns>The lowered name; the same for <c>extern "C"</c> kernels.</returns>
    public string LoweredName(string entryPoint) => _loweredNames.TryGetValue(entryPoint, out var name)
        ? name
        : throw new ArgumentException(
            $"{entryPoint} is no entry point of {Source.Name}: {string.Join(", ", _loweredNames.Keys)}.", nameof(entryPoint));

    /// <summary>Resources of an entry point.</summary>
    /// <param name="entryPoint">As given in the source.</param>
    /// <returns>Registers, spills and shared memory.</returns>
    public KernelResources Resources(string entryPoint)
    {
        var name = LoweredName(entryPoint);
        return Report.Kernels.FirstOrDefault(kernel => kernel.Name == name)
            ?? throw new InvalidOperationException($"The compiler reported nothing about {name}. Its log: {Log}");
    }

    /// <summary>Loads it into a device's context.</summary>
    /// <param name="device">A device of this architecture.</param>
    /// <returns>The module, to be disposed of. Its functions are asked for by <see cref="LoweredName"/>.</returns>
    public CudaModule Load(CudaDevice device) => new(device, Cubin.Span);
}
