namespace AutoResearch.Kernels;

/// <summary>
/// Page-locked host memory: copies to and from the GPU run at full speed beside other work. A scarce good of the machine.
/// </summary>
public sealed unsafe class PinnedBuffer : CudaResource
{
    private const uint Portable = 1;

    /// <summary>Reserves memory, filled with zeros.</summary>
    /// <param name="device">The device.</param>
    /// <param name="bytes">Size, at least 1.</param>
    /// <exception cref="CudaOutOfMemoryException">The host cannot lock that much.</exception>
    public PinnedBuffer(CudaDevice device, int bytes) : base(device ?? throw new ArgumentNullException(nameof(device)))
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        device.MakeCurrent();
        nint address;
        device.Check(device.Driver.MemHostAlloc(&address, (nuint)bytes, Portable), "cuMemHostAlloc", bytes);
        Bytes = bytes;
        Own(address);
        Span.Clear();
    }

    /// <summary>Size in bytes.</summary>
    public int Bytes { get; }

    /// <summary>Host address.</summary>
    public nint Address => Handle;

    /// <summary>The content. Not to be changed while a copy from it is under way.</summary>
    public Span<byte> Span => new((void*)Handle, Bytes);

    private protected override void Destroy(CudaDriver driver, nint handle) => _ = driver.MemFreeHost(handle);
}
