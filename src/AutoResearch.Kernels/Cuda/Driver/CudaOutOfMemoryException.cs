namespace AutoResearch.Kernels;

/// <summary>Memory of the GPU, or page-locked memory of the host, did not suffice. The device stays usable.</summary>
/// <remarks>An <see cref="OutOfMemoryException"/>, so that whoever handles that already handles this one.</remarks>
public sealed class CudaOutOfMemoryException : OutOfMemoryException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">The whole message.</param>
    /// <param name="requestedBytes">Bytes asked for; 0 when unknown (the driver ran out while launching or compiling).</param>
    /// <param name="freeBytes">Bytes that the device had free, other processes counted in; -1 when unknown.</param>
    /// <param name="totalBytes">Bytes that the device has; -1 when unknown.</param>
    public CudaOutOfMemoryException(string message, long requestedBytes, long freeBytes, long totalBytes) : base(message) =>
        (RequestedBytes, FreeBytes, TotalBytes) = (requestedBytes, freeBytes, totalBytes);

    /// <summary>Bytes asked for; 0 when unknown.</summary>
    public long RequestedBytes { get; }

    /// <summary>Bytes that the device had free; -1 when unknown.</summary>
    public long FreeBytes { get; }

    /// <summary>Bytes that the device has; -1 when unknown.</summary>
    public long TotalBytes { get; }
}
