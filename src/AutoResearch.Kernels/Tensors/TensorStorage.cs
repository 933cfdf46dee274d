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

    /// <summary>A copy of the content in another element type that an accelerator keeps for its matrix units, or null.</summary>
    internal TensorStorage? Shadow { get; set; }

    /// <summary>True when the content has changed since the shadow was made.</summary>
    internal bool ShadowIsStale { get; set; } = true;

    /// <summary>True for memory that a tape hands out anew each step: its content has no identity to keep a shadow of.</summary>
    internal bool IsRecycled { get; init; }

    public void Dispose()
    {
        Shadow?.Dispose();
        Shadow = null;
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
