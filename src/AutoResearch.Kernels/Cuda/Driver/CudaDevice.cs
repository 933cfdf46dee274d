using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// One GPU, opened for this process through its primary context, which torch and other CUDA libraries share. Made current on
/// the calling thread by every operation, so threads need no preparation. Operations are issued from one thread at a time;
/// releasing is allowed from any.
/// </summary>
public sealed unsafe class CudaDevice : IDisposable
{
    private const int MultiprocessorCountAttribute = 16, ClockRateAttribute = 13, MemoryClockAttribute = 36, L2Attribute = 38,
        MajorAttribute = 75, MinorAttribute = 76, SharedPerMultiprocessorAttribute = 81, SharedOptInAttribute = 97;

    private readonly Lock _gate = new();
    private readonly int _handle;
    private CudaException? _firstError;
    private CudaStream? _stream;
    private CudaMemory? _memory;
    private bool _disposed;

    private CudaDevice(CudaOptions options, CudaDriver driver, int index, int handle, nint context)
    {
        (Options, Driver, Index, _handle) = (options, driver, index, handle);
        Context = new CudaContext(driver, handle, context);
        var name = stackalloc byte[256];
        Check(driver.DeviceGetName(name, 256, handle), "cuDeviceGetName");
        Name = Marshal.PtrToStringUTF8((nint)name) ?? "GPU";
        nuint total;
        Check(driver.DeviceTotalMem(&total, handle), "cuDeviceTotalMem");
        TotalMemory = (long)total;
        MultiprocessorCount = Attribute(MultiprocessorCountAttribute);
        ComputeCapability = new Version(Attribute(MajorAttribute), Attribute(MinorAttribute));
        MaxSharedBytesPerBlock = Attribute(SharedOptInAttribute);
        SharedBytesPerMultiprocessor = Attribute(SharedPerMultiprocessorAttribute);
        L2Bytes = Attribute(L2Attribute);
    }

    /// <summary>Releases the context's own reference if <see cref="Dispose"/> was not called.</summary>
    ~CudaDevice()
    {
        if (_disposed) return;
        _memory?.Dispose();
        Context?.Release();
    }

    /// <summary>Number of the GPU, from 0, as CUDA_VISIBLE_DEVICES leaves them.</summary>
    public int Index { get; }

    /// <summary>The GPU's name, as in <c>NVIDIA H200</c>.</summary>
    public string Name { get; }

    /// <summary>Compute capability, as in 9.0.</summary>
    public Version ComputeCapability { get; }

    /// <summary>
    /// Architecture that kernels are compiled for, as in <c>sm_90a</c>. The suffix, which opens the instructions of this very
    /// generation (wgmma, TMA), is added from 9.0 on.
    /// </summary>
    public string Architecture
    {
        get
        {
            var (major, minor) = (ComputeCapability.Major, ComputeCapability.Minor);
            return FormattableString.Invariant($"sm_{major}{minor}{(major >= 9 ? "a" : "")}");
        }
    }

    /// <summary>Number of streaming multiprocessors.</summary>
    public int MultiprocessorCount { get; }

    /// <summary>Bytes of device memory.</summary>
    public long TotalMemory { get; }

    /// <summary>Most bytes of shared memory that one block can have, after raising the function's limit.</summary>
    public int MaxSharedBytesPerBlock { get; }

    /// <summary>Bytes of shared memory of one multiprocessor.</summary>
    public int SharedBytesPerMultiprocessor { get; }

    /// <summary>Bytes of the level-2 cache.</summary>
    public int L2Bytes { get; }

    /// <summary>CUDA version of the driver, as in 12.8.</summary>
    public Version DriverVersion => new(Driver.Version / 1000, Driver.Version % 1000 / 10);

    /// <summary>Highest clock of the multiprocessors in MHz; 0 where the driver does not tell.</summary>
    public int ClockMHz => AttributeOrZero(ClockRateAttribute) / 1000;

    /// <summary>Highest clock of the memory in MHz; 0 where the driver does not tell.</summary>
    public int MemoryClockMHz => AttributeOrZero(MemoryClockAttribute) / 1000;

    /// <summary>True after an error that ends all use of the GPU in this process.</summary>
    public bool IsUnusable => _firstError is not null;

    /// <summary>The device's own stream. Memory freed through <see cref="Memory"/> may be reused by work in it at once.</summary>
    public CudaStream Stream
    {
        get
        {
            lock (_gate) return _stream ??= new CudaStream(this);
        }
    }

    /// <summary>The allocator of device memory.</summary>
    public CudaMemory Memory
    {
        get
        {
            lock (_gate) return _memory ??= new CudaMemory(this);
        }
    }

    internal CudaOptions Options { get; }

    internal CudaDriver Driver { get; }

    internal CudaContext Context { get; }

    /// <summary>Name of the kernel launched last, for messages about faults that are reported later.</summary>
    internal string? LastKernel { get; set; }

    /// <summary>Number of visible GPUs.</summary>
    /// <param name="libraries">Where the driver comes from; the machine's by default.</param>
    /// <returns>0 when there is a driver but no GPU.</returns>
    /// <exception cref="CudaNotFoundException">There is no driver.</exception>
    /// <exception cref="CudaException">The driver does not work.</exception>
    public static int Count(CudaLibraries? libraries = null)
    {
        var driver = (libraries ?? CudaLibraries.Machine).Driver();
        var status = driver.Init(0);
        if (status == 100) return 0;
        ThrowIfFailed(driver, status, "cuInit");
        int count;
        ThrowIfFailed(driver, driver.DeviceGetCount(&count), "cuDeviceGetCount");
        return count;
    }

    /// <summary>Opens a GPU.</summary>
    /// <param name="index">Its number, from 0.</param>
    /// <param name="options">Options; the defaults when null.</param>
    /// <returns>The device; to be disposed of.</returns>
    /// <exception cref="CudaNotFoundException">The driver is missing or older than CUDA 12.0.</exception>
    /// <exception cref="CudaException">There is no such GPU, or it does not work.</exception>
    public static CudaDevice Open(int index = 0, CudaOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        options ??= new CudaOptions();
        var driver = options.Libraries.Driver();
        ThrowIfFailed(driver, driver.Init(0), "cuInit");
        int handle;
        ThrowIfFailed(driver, driver.DeviceGet(&handle, index), "cuDeviceGet");
        nint context;
        ThrowIfFailed(driver, driver.DevicePrimaryCtxRetain(&context, handle), "cuDevicePrimaryCtxRetain");
        return new CudaDevice(options, driver, index, handle, context); // gives the context back by its finalizer if it fails
    }

    /// <summary>Makes the device's context the calling thread's. Operations of this library do that themselves.</summary>
    /// <exception cref="ObjectDisposedException">The device was disposed of.</exception>
    /// <exception cref="CudaException">The device has become unusable: the first error, again.</exception>
    public void MakeCurrent()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_firstError is not null) ThrowUnusable();
        Check(Context.MakeCurrent(), "cuCtxSetCurrent");
    }

    /// <summary>Waits until all work on the device has ended, in every stream.</summary>
    public void Synchronize()
    {
        MakeCurrent();
        Check(Driver.CtxSynchronize(), "cuCtxSynchronize");
    }

    /// <summary>Bytes of device memory that no process holds now.</summary>
    /// <returns>Free bytes.</returns>
    public long FreeMemory()
    {
        MakeCurrent();
        nuint free, total;
        Check(Driver.MemGetInfo(&free, &total), "cuMemGetInfo");
        return (long)free;
    }

    /// <summary>
    /// Releases the allocator's memory, the device's stream and this object's hold on the context. Streams, buffers and modules
    /// that are still alive keep the context until they are disposed of too, but cannot be used any more.
    /// </summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _memory?.Dispose();
            _stream?.Dispose();
            _disposed = true;
        }

        Context.Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Name, capability and driver in one line, for logs.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"CUDA device {Index}: {Name}, {ComputeCapability}, {MultiprocessorCount} SMs, {TotalMemory >> 20} MiB, "
        + $"driver CUDA {DriverVersion}");

    /// <summary>Throws for any status but success. A sticky error makes the device unusable.</summary>
    /// <param name="status">What the driver returned.</param>
    /// <param name="call">The function's name.</param>
    /// <param name="requestedBytes">Bytes asked for, when the call allocates.</param>
    internal void Check(int status, string call, long requestedBytes = 0)
    {
        if (status != 0) Throw(status, call, requestedBytes);
    }

    /// <summary>The device's free and total bytes; -1 when they cannot be read.</summary>
    internal (long Free, long Total) MemoryState()
    {
        nuint free, total;
        return Driver.MemGetInfo(&free, &total) == 0 ? ((long)free, (long)total) : (-1, -1);
    }

    private static void ThrowIfFailed(CudaDriver driver, int status, string call)
    {
        if (status != 0) throw Error(driver, status, call, "");
    }

    private static CudaException Error(CudaDriver driver, int status, string call, string where)
    {
        var (name, text) = driver.Describe(status);
        var advice = CudaErrors.Advice(status);
        return new(call, status, name,
            FormattableString.Invariant(
                $"{call} failed{where}: {name} ({status}, {text}).{(advice.Length > 0 ? " " : "")}{advice}"),
            CudaErrors.IsSticky(status));
    }

    [DoesNotReturn]
    private void Throw(int status, string call, long requestedBytes)
    {
        if (_firstError is not null) ThrowUnusable();
        if (status == CudaErrors.OutOfMemory)
        {
            var (free, total) = MemoryState();
            throw CudaMemory.OutOfMemory(call, requestedBytes, free, total, _memory);
        }

        var where = $" on CUDA device {Index} ({Name})";
        if (CudaErrors.IsSticky(status) && LastKernel is { } kernel) where += $", the last kernel launched was {kernel}";
        var error = Error(Driver, status, call, where);
        if (error.IsSticky)
        {
            Interlocked.CompareExchange(ref _firstError, error, null);
            Context.IsLost = true;
        }

        throw error;
    }

    [DoesNotReturn]
    private void ThrowUnusable()
    {
        var first = _firstError!;
        throw new CudaException(first.Call, first.Code, first.ErrorName,
            $"CUDA device {Index} ({Name}) cannot be used any more in this process, start a new one. The first error: "
            + $"{first.Message}",
            true, first);
    }

    private int Attribute(int attribute)
    {
        int value;
        Check(Driver.DeviceGetAttribute(&value, attribute, _handle), "cuDeviceGetAttribute");
        return value;
    }

    private int AttributeOrZero(int attribute)
    {
        int value;
        return Driver.DeviceGetAttribute(&value, attribute, _handle) == 0 ? value : 0;
    }
}
