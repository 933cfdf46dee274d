namespace AutoResearch.Kernels;

/// <summary>
/// The retained primary context of a device. Everything made in it holds a reference, so that the context outlives its last
/// user whatever the order of disposal or finalization.
/// </summary>
internal sealed unsafe class CudaContext
{
    private readonly int _device;
    private readonly nint _handle;
    private int _references = 1;
    private volatile bool _isLost;

    internal CudaContext(CudaDriver driver, int device, nint handle) => (Driver, _device, _handle) = (driver, device, handle);

    internal CudaDriver Driver { get; }

    /// <summary>True after a sticky error: handles are dead, releasing them is pointless.</summary>
    internal bool IsLost
    {
        get => _isLost;
        set => _isLost = value;
    }

    /// <summary>Makes the context the calling thread's.</summary>
    internal int MakeCurrent() => Driver.CtxSetCurrent(_handle);

    internal void AddReference() => Interlocked.Increment(ref _references);

    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0) _ = Driver.DevicePrimaryCtxRelease(_device);
    }
}
