namespace AutoResearch.Kernels;

/// <summary>A mark in a stream: other streams and the host can wait for it, and two of them measure time on the GPU.</summary>
public sealed unsafe class CudaEvent : CudaResource
{
    private const uint DisableTiming = 2;

    private readonly bool _timing;

    /// <summary>Creates an event.</summary>
    /// <param name="device">The device.</param>
    /// <param name="timing">False for one that only orders streams, which costs less.</param>
    public CudaEvent(CudaDevice device, bool timing = true) : base(device ?? throw new ArgumentNullException(nameof(device)))
    {
        device.MakeCurrent();
        nint handle;
        device.Check(device.Driver.EventCreate(&handle, timing ? 0 : DisableTiming), "cuEventCreate");
        _timing = timing;
        Own(handle);
    }

    /// <summary>True when the work before the mark has been done, or the event was never recorded.</summary>
    public bool IsDone
    {
        get
        {
            Device.MakeCurrent();
            var status = Device.Driver.EventQuery(Handle);
            if (status == CudaErrors.NotReady) return false;
            Device.Check(status, "cuEventQuery");
            return true;
        }
    }

    /// <summary>Puts the mark behind all work in a stream so far. An earlier mark is forgotten.</summary>
    /// <param name="stream">The stream.</param>
    public void Record(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Device.MakeCurrent();
        Device.Check(Device.Driver.EventRecord(Handle, stream.Handle), "cuEventRecord");
    }

    /// <summary>Waits on the host until the work before the mark has been done.</summary>
    public void Synchronize()
    {
        Device.MakeCurrent();
        Device.Check(Device.Driver.EventSynchronize(Handle), "cuEventSynchronize");
    }

    /// <summary>Time on the GPU since an earlier event; both must have happened.</summary>
    /// <param name="start">The earlier event.</param>
    /// <returns>The time, to about half a microsecond.</returns>
    /// <exception cref="InvalidOperationException">One of them was created without timing.</exception>
    public TimeSpan ElapsedSince(CudaEvent start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (!_timing || !start._timing) throw new InvalidOperationException("Both events must be created with timing: true.");
        Device.MakeCurrent();
        float milliseconds;
        Device.Check(Device.Driver.EventElapsedTime(&milliseconds, start.Handle, Handle), "cuEventElapsedTime");
        return TimeSpan.FromTicks((long)Math.Round(milliseconds * (double)TimeSpan.TicksPerMillisecond));
    }

    private protected override void Destroy(CudaDriver driver, nint handle) => _ = driver.EventDestroy(handle);
}
