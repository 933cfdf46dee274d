namespace AutoResearch.Kernels;

/// <summary>What a launch of a kernel under trial has at hand.</summary>
public sealed class KernelInvocation
{
    private readonly IReadOnlyDictionary<string, nint> _addresses;
    private readonly IReadOnlyDictionary<string, CudaFunction> _functions;

    internal KernelInvocation(
        KernelSource source, CudaStream stream, IReadOnlyDictionary<string, CudaFunction> functions,
        IReadOnlyDictionary<string, nint> addresses) =>
        (Source, Stream, _functions, _addresses) = (source, stream, functions, addresses);

    /// <summary>The source, for example to read a tile size from its <see cref="KernelSource.Defines"/>.</summary>
    public KernelSource Source { get; }

    /// <summary>The stream to launch into.</summary>
    public CudaStream Stream { get; }

    /// <summary>The device.</summary>
    public CudaDevice Device => Stream.Device;

    /// <summary>The source's first entry point.</summary>
    public CudaFunction Kernel => _functions[Source.EntryPoints[0]];

    /// <summary>An entry point.</summary>
    /// <param name="entryPoint">As named in the source.</param>
    /// <returns>The kernel.</returns>
    public CudaFunction Function(string entryPoint) => _functions.TryGetValue(entryPoint, out var function)
        ? function
        : throw new ArgumentException($"{entryPoint} is no entry point: {string.Join(", ", _functions.Keys)}.",
            nameof(entryPoint));

    /// <summary>Device address of a buffer.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>The address, a multiple of 512.</returns>
    public nint Buffer(string name) => _addresses.TryGetValue(name, out var address)
        ? address
        : throw new ArgumentException($"{name} is no buffer: {string.Join(", ", _addresses.Keys)}.", nameof(name));
}
