using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>Scratch memory of one use that grows to the largest request and stays.</summary>
internal sealed unsafe class ScratchBuffer : IDisposable
{
    private float* _address;
    private long _length;

    ~ScratchBuffer() => Release();

    internal float* Take(long floats)
    {
        if (floats > _length)
        {
            Release();
            _address = (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), 64);
            _length = floats;
        }

        return _address;
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        NativeMemory.AlignedFree(_address);
        _address = null;
        _length = 0;
    }
}
