namespace AutoResearch.Kernels;

/// <summary>
/// A queue of work on the GPU: what is put in is done in order, asynchronously to the host and to other streams. Addresses are
/// device addresses; sizes and offsets have 64 bits.
/// </summary>
public sealed unsafe class CudaStream : CudaResource
{
    private const uint NonBlocking = 1;

    private readonly bool _owned;

    /// <summary>Creates a stream that does not wait for the legacy default stream.</summary>
    /// <param name="device">The device.</param>
    /// <param name="priority">Lower numbers go first; the device clamps it to its range (0 to about -5).</param>
    public CudaStream(CudaDevice device, int priority = 0) : base(device ?? throw new ArgumentNullException(nameof(device)))
    {
        device.MakeCurrent();
        nint handle;
        device.Check(device.Driver.StreamCreateWithPriority(&handle, NonBlocking, priority), "cuStreamCreateWithPriority");
        _owned = true;
        Own(handle);
    }

    private CudaStream(CudaDevice device, nint handle) : base(device) => Own(handle);

    /// <summary>True while the stream records into a graph instead of running.</summary>
    public bool IsCapturing
    {
        get
        {
            Device.MakeCurrent();
            int state;
            Device.Check(Device.Driver.StreamIsCapturing(Handle, &state), "cuStreamIsCapturing");
            return state != 0;
        }
    }

    /// <summary>True when all work put in so far has been done.</summary>
    public bool IsIdle
    {
        get
        {
            Device.MakeCurrent();
            var status = Device.Driver.StreamQuery(Handle);
            if (status == CudaErrors.NotReady) return false;
            Device.Check(status, "cuStreamQuery");
            return true;
        }
    }

    /// <summary>A stream that another library made in the same context. It stays that library's.</summary>
    /// <param name="device">The device.</param>
    /// <param name="handle">The CUstream; 1 is the legacy default stream, 2 the per-thread one.</param>
    /// <returns>The stream.</returns>
    /// <exception cref="ArgumentException">The handle is 0: name the legacy default stream by 1.</exception>
    public static CudaStream Wrap(CudaDevice device, nint handle)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (handle == 0) throw new ArgumentException("0 is no handle: pass 1 for the legacy default stream.", nameof(handle));
        return new(device, handle);
    }

    /// <summary>Waits on the host until all work put in so far has been done.</summary>
    public void Synchronize()
    {
        Device.MakeCurrent();
        Device.Check(Device.Driver.StreamSynchronize(Handle), "cuStreamSynchronize");
    }

    /// <summary>Lets later work in this stream wait for an event of another one. Does not block the host.</summary>
    /// <param name="recorded">The event.</param>
    public void Wait(CudaEvent recorded)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        Device.MakeCurrent();
        Device.Check(Device.Driver.StreamWaitEvent(Handle, recorded.Handle, 0), "cuStreamWaitEvent");
    }

    /// <summary>Copies from the host and waits until the source may be changed.</summary>
    /// <param name="source">Host bytes.</param>
    /// <param name="destination">Device address with room for them.</param>
    public void CopyFromHost(ReadOnlySpan<byte> source, nint destination)
    {
        if (source.IsEmpty) return;
        fixed (byte* p = source)
        {
            CopyFromHostAsync(p, destination, source.Length);
            Synchronize(); // the memory is pinned only here
        }
    }

    /// <summary>Copies to the host and waits for it.</summary>
    /// <param name="source">Device address.</param>
    /// <param name="destination">Host bytes, all of which are filled.</param>
    public void CopyToHost(nint source, Span<byte> destination)
    {
        if (destination.IsEmpty) return;
        fixed (byte* p = destination)
        {
            CopyToHostAsync(source, p, destination.Length);
            Synchronize();
        }
    }

    /// <summary>Puts a copy from the host into the stream.</summary>
    /// <param name="source">Host address, page-locked for a copy that overlaps; must stay valid and unchanged until done.</param>
    /// <param name="destination">Device address.</param>
    /// <param name="bytes">Number of bytes.</param>
    public void CopyFromHostAsync(void* source, nint destination, long bytes)
    {
        if (IsWork(bytes))
            Device.Check(Device.Driver.MemcpyHtoDAsync(destination, source, (nuint)bytes, Handle), "cuMemcpyHtoDAsync");
    }

    /// <summary>Puts a copy to the host into the stream.</summary>
    /// <param name="source">Device address.</param>
    /// <param name="destination">Host address, page-locked for a copy that overlaps; must stay valid until done.</param>
    /// <param name="bytes">Number of bytes.</param>
    public void CopyToHostAsync(nint source, void* destination, long bytes)
    {
        if (IsWork(bytes))
            Device.Check(Device.Driver.MemcpyDtoHAsync(destination, source, (nuint)bytes, Handle), "cuMemcpyDtoHAsync");
    }

    /// <summary>Puts a copy within device memory into the stream. The ranges must not overlap.</summary>
    /// <param name="source">Device address.</param>
    /// <param name="destination">Device address.</param>
    /// <param name="bytes">Number of bytes.</param>
    public void Copy(nint source, nint destination, long bytes)
    {
        if (IsWork(bytes))
            Device.Check(Device.Driver.MemcpyDtoDAsync(destination, source, (nuint)bytes, Handle), "cuMemcpyDtoDAsync");
    }

    /// <summary>Sets bytes.</summary>
    /// <param name="address">Device address.</param>
    /// <param name="value">The byte.</param>
    /// <param name="bytes">Number of bytes.</param>
    public void Fill8(nint address, byte value, long bytes)
    {
        if (IsWork(bytes)) Device.Check(Device.Driver.MemsetD8Async(address, value, (nuint)bytes, Handle), "cuMemsetD8Async");
    }

    /// <summary>Sets 16-bit values, a bfloat16 for example.</summary>
    /// <param name="address">Device address, a multiple of 2.</param>
    /// <param name="value">The bits.</param>
    /// <param name="count">Number of values.</param>
    public void Fill16(nint address, ushort value, long count)
    {
        if (IsWork(count)) Device.Check(Device.Driver.MemsetD16Async(address, value, (nuint)count, Handle), "cuMemsetD16Async");
    }

    /// <summary>Sets 32-bit values, a float for example.</summary>
    /// <param name="address">Device address, a multiple of 4.</param>
    /// <param name="value">The bits.</param>
    /// <param name="count">Number of values.</param>
    public void Fill32(nint address, uint value, long count)
    {
        if (IsWork(count)) Device.Check(Device.Driver.MemsetD32Async(address, value, (nuint)count, Handle), "cuMemsetD32Async");
    }

    private protected override void Destroy(CudaDriver driver, nint handle)
    {
        if (_owned) _ = driver.StreamDestroy(handle);
    }

    private bool IsWork(long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        if (size > 0) Device.MakeCurrent();
        return size > 0;
    }
}
