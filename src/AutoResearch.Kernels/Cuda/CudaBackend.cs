using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels;

/// <summary>
/// The operations on an NVIDIA GPU (compute capability 8.0 or newer): activations in bfloat16, sums in single precision,
/// parameters and optimizer state in single precision. Needs the driver, NVRTC and cuBLASLt, which any CUDA toolkit, PyTorch or
/// TorchSharp-cuda brings. Operations return before they are done.
/// </summary>
/// <remarks>
/// Matrix products and gathers read rounded copies of the parameters. Optimizers refresh them in the pass that changes the
/// parameter; after any other change they are made anew when next read. Token ids and targets are checked on the device: one
/// outside its table reads and writes nothing, and the next copy to the host or <see cref="Synchronize"/> throws.
/// </remarks>
public sealed unsafe partial class CudaBackend : Backend
{
    /// <summary>Bytes of settings and pointer tables that one step may send to the device.</summary>
    internal const int TableBytes = 4 << 20;

    private const int UploadSlotBytes = 4 << 20;
    private const int FaultBytes = 32;

    private readonly CudaBackendOptions _options;
    private readonly CudaKernels _kernels;
    private readonly AttentionTarget _attention;
    private readonly CublasLt _blas;
    private readonly CudaUploader _uploader;
    private readonly CudaEvent _uploadsDone;
    private readonly CudaBuffer _tables, _fault;
    private readonly PinnedBuffer _faultOnHost;
    private readonly Dictionary<(MatmulShape Shape, float Beta), CudaProduct> _products = [];
    private readonly List<TensorStorage> _shadowsRefreshed = [];
    private CudaCommands? _recording;
    private nint _table;
    private int _tableUsed;

    /// <summary>Opens a GPU and compiles the kernels, or takes them from the cache.</summary>
    /// <param name="options">Settings, or null for the defaults.</param>
    /// <exception cref="CudaNotFoundException">Driver, NVRTC or cuBLASLt are missing; the message lists where
    /// was looked.</exception>
    /// <exception cref="CudaException">There is no such GPU, or it does not work.</exception>
    /// <exception cref="NotSupportedException">The GPU is older than compute capability 8.0.</exception>
    public CudaBackend(CudaBackendOptions? options = null)
    {
        _options = options ?? new();
        if (_options.LogitsBytes < 1 << 16)
            throw new ArgumentOutOfRangeException(nameof(options), _options.LogitsBytes,
                "CudaBackendOptions.LogitsBytes must be at least 65536.");
        Device = CudaDevice.Open(_options.DeviceIndex, _options.Device);
        try
        {
            if (Device.ComputeCapability.Major < 8)
                throw new NotSupportedException(
                    $"{Device.Name} has compute capability {Device.ComputeCapability}; bfloat16 needs 8.0 or newer.");
            _kernels = new CudaKernels(Device, _options);
            _attention = new AttentionTarget(this);
            _blas = new CublasLt(Device);
            _uploader = new CudaUploader(Device, UploadSlotBytes);
            _uploadsDone = new CudaEvent(Device, timing: false);
            _tables = new CudaBuffer(Device, TableBytes);
            _fault = new CudaBuffer(Device, FaultBytes);
            _faultOnHost = new PinnedBuffer(Device, FaultBytes);
            _fault.Fill(0);
            _table = _tables.Address;
        }
        catch
        {
            Device.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override string Name => $"cuda, {Device.Name}, {Device.Architecture}, bfloat16";

    /// <inheritdoc/>
    public override DType ActivationType => DType.BFloat16;

    /// <inheritdoc/>
    public override bool IsAsynchronous => true;

    /// <inheritdoc/>
    public override long TotalMemory => Device.TotalMemory;

    /// <inheritdoc/>
    public override long UsedMemory => Device.Memory.UsedBytes;

    /// <summary>The GPU.</summary>
    public CudaDevice Device { get; }

    /// <summary>The stream that all operations go into.</summary>
    public CudaStream Stream => Device.Stream;

    /// <inheritdoc/>
    public override StepGraph CreateStepGraph() => new CudaStepGraph(this);

    /// <inheritdoc/>
    public override void Synchronize()
    {
        NotInStep("wait for the device");
        ReadFault();
        Stream.Synchronize();
        ThrowFault();
    }

    /// <summary>
    /// Runs an action whose operations are written down instead of being issued. Nothing is left of it when it throws.
    /// </summary>
    internal void Record(CudaCommands commands, nint tables, Action action)
    {
        if (_recording is not null) throw new InvalidOperationException("A step graph cannot run inside another one's step.");
        _shadowsRefreshed.Clear();
        ForgetSortedTokens();
        (_recording, _table, _tableUsed) = (commands, tables, 0);
        try
        {
            action();
        }
        catch
        {
            commands.Clear();
            foreach (var storage in _shadowsRefreshed) storage.ShadowIsStale = true; // the refreshing was never issued
            throw;
        }
        finally
        {
            (_recording, _table, _tableUsed) = (null, _tables.Address, 0);
            ForgetSortedTokens();
        }
    }

    internal void WaitForUploads() => _uploadsDone.Synchronize();

    internal void MarkUploads() => _uploadsDone.Record(Stream);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            DisposeScratch();
            _uploader.Dispose();
            _uploadsDone.Dispose();
            _tables.Dispose();
            _fault.Dispose();
            _faultOnHost.Dispose();
            _blas.Dispose();
            _kernels.Dispose();
            Device.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    protected internal override nint AllocateMemory(long bytes) => Device.Memory.Allocate(bytes);

    /// <inheritdoc/>
    protected internal override void FreeMemory(nint address, long bytes) => Device.Memory.Free(address);

    /// <inheritdoc/>
    protected internal override void CopyFromHost(ReadOnlySpan<byte> source, nint destination)
    {
        ForgetSortedTokens(); // token ids come this way only
        Upload(source, destination);
    }

    /// <inheritdoc/>
    protected internal override void CopyToHost(nint source, Span<byte> destination)
    {
        NotInStep("read values back");
        ReadFault();
        Stream.CopyToHost(source, destination); // waits for both
        ThrowFault();
    }

    /// <inheritdoc/>
    protected internal override void Clear(Tensor tensor) => Fill(Out(tensor), 0, 1, tensor.ElementCount * tensor.Type.Size());

    /// <inheritdoc/>
    protected override void FillCore(Tensor tensor, float value)
    {
        if (tensor.Type == DType.BFloat16) Fill(Out(tensor), BFloat16.FromSingle(value), 2, tensor.ElementCount);
        else Fill(Out(tensor), BitConverter.SingleToUInt32Bits(value), 4, tensor.ElementCount);
    }

    /// <inheritdoc/>
    protected override void ScaleCore(Tensor tensor, float factor) =>
        Elementwise("scale_f32", tensor.ElementCount, Out(tensor), tensor.ElementCount, factor);

    /// <inheritdoc/>
    protected override void AddCore(Tensor x, Tensor sum)
    {
        var kernel = (x.Type, sum.Type) switch
        {
            (DType.Float32, DType.Float32) => "add_f32_f32",
            (DType.Float32, _) => "add_f32_bf16",
            (_, DType.Float32) => "add_bf16_f32",
            _ => "add_bf16_bf16",
        };
        Elementwise(kernel, x.ElementCount, x.Address, Out(sum), x.ElementCount);
    }

    // ---------------------------------------------------------------------------------------------- what operations are made of

    private void Launch(CudaFunction function, in CudaLaunch launch, params ReadOnlySpan<KernelArgument> arguments)
    {
        if (_recording is { } commands) commands.Launch(function, launch, arguments);
        else function.Launch(Stream, launch, arguments);
    }

    private void Elementwise(string kernel, long count, params ReadOnlySpan<KernelArgument> arguments) =>
        Launch(_kernels.Elementwise[kernel], new(Blocks(count, 256 * 8), 256), arguments);

    // c (+)= op(a) · op(b) in row-major order; `added` is what beta multiplies when it is not the result's own memory.
    private void Product(in MatmulShape shape, nint a, nint b, nint c, bool accumulate, nint added = 0)
    {
        var beta = accumulate || added != 0 ? 1f : 0f;
        ref var product = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_products,
            (shape, beta), out _);
        product ??= new CudaProduct(_blas, shape, beta);
        if (_recording is { } commands) commands.Product(product, a, b, added == 0 ? c : added, c);
        else product.Run(Stream, a, b, added == 0 ? c : added, c);
    }

    private void Fill(nint address, uint value, int width, long count)
    {
        if (_recording is { } commands) commands.Fill(address, value, width, count);
        else CudaCommands.Fill(Stream, address, value, width, count);
    }

    private void Upload(ReadOnlySpan<byte> source, nint destination)
    {
        if (_recording is { } commands) commands.Upload(source, destination);
        else _uploader.Upload(source, destination, Stream);
    }

    // Settings and pointers of an operation in device memory. Outside of a recording the memory is used in turn: an upload waits
    // for what was issued before, so that nothing is overwritten that is still needed.
    private nint Table<T>(ReadOnlySpan<T> content) where T : unmanaged
    {
        var bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(content);
        var size = (bytes.Length + 255) / 256 * 256;
        if (size > TableBytes - _tableUsed)
        {
            if (_recording is not null || size > TableBytes)
                throw new NotSupportedException($"The tables of a step need more than {TableBytes} bytes of device memory: "
                    + "fewer tensors, or fewer operations.");
            _tableUsed = 0;
        }

        var address = _table + _tableUsed;
        _tableUsed += size;
        Upload(bytes, address);
        return address;
    }

    // The address of something that an operation writes: rounded copies of it are out of date.
    private static nint Out(Tensor tensor)
    {
        tensor.Storage.ShadowIsStale = true;
        return tensor.Address;
    }

    // The address of a parameter's copy in bfloat16, made anew when the parameter has changed.
    private nint Rounded(Tensor parameter)
    {
        var storage = parameter.Storage;
        if (storage.IsRecycled)
        {
            var copy = _roundedScratch.Take(Device, parameter.ElementCount * 2);
            Elementwise("round_to_bf16", parameter.ElementCount, parameter.Address, copy, parameter.ElementCount);
            return copy;
        }

        storage.Shadow ??= new TensorStorage(this, Math.Max(64, storage.Bytes / 2));
        if (storage.ShadowIsStale)
        {
            Elementwise("round_to_bf16", storage.Bytes / 4, storage.Address, storage.Shadow.Address, storage.Bytes / 4);
            storage.ShadowIsStale = false;
            if (_recording is not null) _shadowsRefreshed.Add(storage);
        }

        return storage.Shadow.Address + (nint)(parameter.StorageOffset / 2);
    }

    // Where an optimizer writes the rounded parameter too: nowhere when no operation has read one, or when it
    // is out of date anyway.
    private static nint ShadowToUpdate(Tensor parameter) => parameter.Storage is { Shadow: { } shadow, ShadowIsStale: false }
        ? shadow.Address + (nint)(parameter.StorageOffset / 2)
        : 0;

    // Blocks for so many elements or rows; kernels go round when there are more.
    private static int Blocks(long count, int perBlock) => (int)Math.Clamp((count + perBlock - 1) / perBlock, 1, 1 << 16);

    private void NotInStep(string what)
    {
        if (_recording is not null)
            throw new InvalidOperationException(
                $"A step that runs through a StepGraph must not {what}: do it after StepGraph.Run.");
    }

    private void ReadFault() => Stream.CopyToHostAsync(_fault.Address, (void*)_faultOnHost.Address, FaultBytes);

    private void ThrowFault()
    {
        ref readonly var fault = ref Unsafe.AsRef<Fault>((void*)_faultOnHost.Address);
        if (fault.Code == 0) return;
        var (code, value, position, limit) = fault;
        _fault.Fill(0);
        throw new ArgumentException(FormattableString.Invariant(
            $"{(code == 1 ? "Token" : "Target")} {value} at position {position} lies outside 0..{limit - 1}."));
    }

    private readonly record struct Fault(uint Code, int Value, long Position, long Limit);
}
