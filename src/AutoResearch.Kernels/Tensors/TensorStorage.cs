namespace AutoResearch.Kernels;

/// <summary>One block of a backend's memory, shared by a tensor and its views.</summary>
internal sealed class TensorStorage : IDisposable
{
    private readonly Backend _backend;

    internal TensorStorage(Backend backend, long bytes)
    {
        _backend = backend;
        Bytes = bytes;
        Address = backend.AllocateMemory(bytes);
    }

    ~TensorStorage() => Release();

    internal long Bytes { get; }

    /// <summary>First byte, or 0 once disposed.</summary>
    internal nint Address { get; private set; }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (Address == 0) return;
        _backend.FreeMemory(Address, Bytes);
        Address = 0;
    }
}
