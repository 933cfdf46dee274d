namespace AutoResearch.Kernels;

/// <summary>
/// Equal pieces of scratch memory, one for each thread, that tasks take and give back. Which piece a task gets does not influence
/// what it computes: it overwrites what it reads.
/// </summary>
internal unsafe struct ScratchSlots
{
    // The flags of the slots come first, one cache line each.
    private const int FlagFloats = 16;

    private float* _memory;
    private long _length;
    private int _count;

    /// <summary>Takes the memory of all slots; not to be called while tasks run.</summary>
    /// <param name="buffer">Where the memory comes from.</param>
    /// <param name="count">Slots: at least as many as threads.</param>
    /// <param name="floats">Length of a slot.</param>
    internal static ScratchSlots Create(ScratchBuffer buffer, int count, long floats)
    {
        var length = (floats + 15) & ~15L;
        var slots = new ScratchSlots { _length = length, _count = count, _memory = buffer.Take(count * (length + FlagFloats)) };
        for (var i = 0; i < count; i++) *slots.Flag(i) = 0;
        return slots;
    }

    /// <summary>Memory of a free slot, aligned to 64 bytes.</summary>
    internal readonly float* Rent(out int slot)
    {
        var spinner = default(SpinWait);
        while (true)
        {
            for (slot = 0; slot < _count; slot++)
            {
                if (Volatile.Read(ref *Flag(slot)) == 0 && Interlocked.CompareExchange(ref *Flag(slot), 1, 0) == 0)
                    return _memory + (_count * FlagFloats) + (slot * _length);
            }

            spinner.SpinOnce();
        }
    }

    internal readonly void Return(int slot) => Volatile.Write(ref *Flag(slot), 0);

    private readonly int* Flag(int slot) => (int*)(_memory + (slot * FlagFloats));
}
