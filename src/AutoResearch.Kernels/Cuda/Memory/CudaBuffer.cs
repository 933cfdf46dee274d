using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// A block of device memory from the device's allocator, aligned to 512 bytes, with undefined content at first.
/// </summary>
public sealed class CudaBuffer : IDisposable
{
    private readonly CudaMemory _memory;
    private nint _address;

    /// <summary>Reserves memory.</summary>
    /// <param name="device">The device.</param>
    /// <param name="bytes">Size, at least 1.</param>
    /// <exception cref="CudaOutOfMemoryException">There is not enough.</exception>
    public CudaBuffer(CudaDevice device, long bytes)
    {
        ArgumentNullException.ThrowIfNull(device);
        (Device, Bytes, _memory) = (device, bytes, device.Memory);
        _address = _memory.Allocate(bytes);
    }

    /// <summary>Gives the memory back if <see cref="Dispose"/> was not called.</summary>
    ~CudaBuffer() => Release();

    /// <summary>The device.</summary>
    public CudaDevice Device { get; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    /// <summary>Device address of the first byte.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed of.</exception>
    public nint Address
    {
        get
        {
            var address = _address;
            ObjectDisposedException.ThrowIf(address == 0, this);
            return address;
        }
    }

    /// <summary>A buffer with the content of host memory. Waits for the copy.</summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="device">The device.</param>
    /// <param name="values">The content.</param>
    /// <returns>The buffer.</returns>
    public static CudaBuffer Of<T>(CudaDevice device, ReadOnlySpan<T> values) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        var buffer = new CudaBuffer(device, Math.Max(1, bytes.Length));
        device.Stream.CopyFromHost(bytes, buffer.Address);
        return buffer;
    }

    /// <summary>Copies from the host in the device's stream and waits for it.</summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="values">No more than fit.</param>
    public void CopyFrom<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        CheckSize(bytes.Length);
        Device.Stream.CopyFromHost(bytes, Address);
    }

    /// <summary>Copies to the host in the device's stream and waits for it.</summary>
    /// <typeparam name="T">Element type.</typeparam>
    /// <param name="values">Room for no more than the buffer holds; all of it is filled.</param>
    public void CopyTo<T>(Span<T> values) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        CheckSize(bytes.Length);
        Device.Stream.CopyToHost(Address, bytes);
    }

    /// <summary>Sets every byte in the device's stream.</summary>
    /// <param name="value">The byte.</param>
    public void Fill(byte value) => Device.Stream.Fill8(Address, value, Bytes);

    /// <summary>Gives the memory back; later work in the device's stream may reuse it at once.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void CheckSize(int bytes)
    {
        if (bytes > Bytes) throw new ArgumentException($"{bytes} bytes do not fit into a buffer of {Bytes}.", nameof(bytes));
    }

    private void Release()
    {
        var address = Interlocked.Exchange(ref _address, 0);
        if (address != 0) _memory?.Free(address);
    }
}
