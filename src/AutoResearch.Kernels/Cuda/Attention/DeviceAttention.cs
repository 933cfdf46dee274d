namespace AutoResearch.Kernels;

/// <summary>
/// Attention on a device: kernels are compiled when first used and stay loaded. Not for several threads at once.
/// </summary>
internal unsafe class DeviceAttention : IAttentionTarget
{
    private readonly CudaStream _stream;
    private readonly Func<string, IReadOnlyList<string>, IReadOnlyDictionary<string, string>, CudaModule> _load;
    private readonly Dictionary<AttentionStep, CudaFunction> _functions = [];

    /// <summary>Attention in a stream.</summary>
    /// <param name="stream">The stream, which names the device.</param>
    /// <param name="load">Compiles and loads a file of Cuda/Kernels: its name, entry points and definitions.</param>
    /// <param name="hopper">The Hopper kernels; null: where the device has them.</param>
    /// <exception cref="NotSupportedException">The GPU is older than sm_80.</exception>
    internal DeviceAttention(
        CudaStream stream, Func<string, IReadOnlyList<string>, IReadOnlyDictionary<string, string>, CudaModule> load,
        bool? hopper = null)
    {
        (_stream, _load, Hopper) = (stream, load, hopper ?? stream.Device.ComputeCapability is { Major: 9, Minor: 0 });
        if (stream.Device.ComputeCapability.Major < 8)
            throw new NotSupportedException("The attention kernels need compute capability 8.0; "
                + $"{stream.Device.Name} has {stream.Device.ComputeCapability}.");
    }

    /// <inheritdoc/>
    public bool Hopper { get; }

    /// <inheritdoc/>
    public int Multiprocessors => _stream.Device.MultiprocessorCount;

    /// <inheritdoc/>
    public void EncodeMap(void* map, in AttentionTensor tensor, int headDim, int rows, int heads, int batch, int boxRows)
    {
        var extents = stackalloc ulong[4] { (ulong)headDim, (ulong)rows, (ulong)heads, (ulong)batch };
        var strides =
            stackalloc ulong[3] { (ulong)tensor.RowStride * 2, (ulong)tensor.HeadStride * 2, (ulong)tensor.BatchStride * 2 };
        var box = stackalloc uint[4] { 64, (uint)boxRows, 1, 1 };
        var steps = stackalloc uint[4] { 1, 1, 1, 1 };
        const int BFloat16 = 9, Bytes128 = 3;
        var promotion = headDim == 64 ? 2 : 3; // whole rows of a head, 128 or 256 bytes, into the level-2 cache
        var status = _stream.Device.Driver.TensorMapEncodeTiled(map, BFloat16, 4, tensor.Address, extents, strides, box, steps, 0,
            Bytes128, promotion, 0);
        if (status != 0)
            _stream.Device.Check(status, $"cuTensorMapEncodeTiled({tensor}, {headDim} x {rows} x {heads} x {batch})");
    }

    /// <inheritdoc/>
    public virtual void Clear(nint address, long bytes) => _stream.Fill32(address, 0, bytes / 4);

    /// <inheritdoc/>
    public void Launch(in AttentionStep step, void* parameters, int bytes)
    {
        var key = step with { Launch = default };
        if (!_functions.TryGetValue(key, out var function))
        {
            function = _load(step.File, [step.Entry], step.Defines()).Function(step.Entry);
            if (step.Launch.SharedBytes > function.MaxDynamicSharedBytes)
                function.MaxDynamicSharedBytes = step.Launch.SharedBytes;
            _functions.Add(key, function);
        }

        Issue(function, step.Launch, parameters, bytes);
    }

    /// <summary>Puts a launch into the stream; a backend that records steps writes it down instead.</summary>
    private protected virtual void Issue(CudaFunction function, in CudaLaunch launch, void* parameters, int bytes) =>
        function.Launch(_stream, launch, KernelArgument.Struct(parameters));
}
