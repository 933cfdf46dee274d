namespace AutoResearch.Kernels;

/// <summary>
/// Working memory of an operation: grows to the largest size asked for. Content lasts until the next operation takes it.
/// </summary>
internal sealed class CudaScratch : IDisposable
{
    private readonly List<CudaBuffer> _retired = [];
    private CudaBuffer? _buffer;

    internal nint Take(CudaDevice device, long bytes)
    {
        if (_buffer is null || _buffer.Bytes < bytes)
        {
            // A list of commands that is not issued yet may still name the smaller one.
            if (_buffer is not null) _retired.Add(_buffer);
            _buffer = null;
            _buffer = new CudaBuffer(device, bytes);
        }

        return _buffer.Address;
    }

    public void Dispose()
    {
        _buffer?.Dispose();
        foreach (var buffer in _retired) buffer.Dispose();
    }
}
