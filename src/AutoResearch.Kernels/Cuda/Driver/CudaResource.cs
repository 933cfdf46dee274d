namespace AutoResearch.Kernels;

/// <summary>Something that lives in a device's context: a stream, an event, memory, a module, a graph.</summary>
/// <remarks>
/// May be disposed of after its device, from any thread, and more than once. What is forgotten is released by the finalizer.
/// Releasing never throws: a handle of a lost device is simply dropped.
/// </remarks>
public abstract class CudaResource : IDisposable
{
    private readonly CudaContext _context;
    private nint _handle;

    private protected CudaResource(CudaDevice device)
    {
        Device = device;
        _context = device.Context;
    }

    /// <summary>Releases the handle if <see cref="Dispose"/> was not called.</summary>
    ~CudaResource() => Release();

    /// <summary>The device it belongs to.</summary>
    public CudaDevice Device { get; }

    /// <summary>The driver's handle.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed of.</exception>
    public nint Handle
    {
        get
        {
            var handle = _handle;
            ObjectDisposedException.ThrowIf(handle == 0, this);
            return handle;
        }
    }

    /// <summary>Releases it. Work already in a stream is finished first by the driver.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    // Called once, when the native object exists: from here on somebody must release it.
    private protected void Own(nint handle)
    {
        _context.AddReference();
        _handle = handle;
    }

    // The native object was made anew in place of the old one, which the caller releases.
    private protected nint Replace(nint handle) => Interlocked.Exchange(ref _handle, handle);

    private protected abstract void Destroy(CudaDriver driver, nint handle);

    private void Release()
    {
        var handle = Interlocked.Exchange(ref _handle, 0);
        if (handle == 0) return;
        if (!_context.IsLost && _context.MakeCurrent() == 0) Destroy(_context.Driver, handle);
        _context.Release();
    }
}
