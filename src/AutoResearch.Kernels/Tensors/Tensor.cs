using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// A dense row-major array in a backend's memory, 64-byte aligned. Views (<see cref="View"/>, <see cref="Slice"/>) share memory
/// and gradient with the tensor they come from. Not thread safe.
/// </summary>
/// <remarks>
/// Tensors made by <see cref="Backend.Allocate"/> and <see cref="Backend.Parameter"/> own their memory and live until disposed.
/// Tensors returned by a <see cref="Tape"/> live until its next <see cref="Tape.Reset"/>; the objects are reused then, so
/// read out what you need before.
/// </remarks>
public sealed unsafe class Tensor : IDisposable
{
    private TensorStorage? _storage;
    private long _offset;
    private bool _owner;

    internal Tensor(Backend backend, DType type, Shape shape, string? name = null)
    {
        Backend = backend;
        Bind(new TensorStorage(backend, Math.Max(64, shape.ElementCount * type.Size())), 0, type, shape);
        _owner = true;
        Name = name;
    }

    // An empty shell: a view, or an object that the tape binds to arena memory.
    internal Tensor(Backend backend) => Backend = backend;

    /// <summary>The backend whose memory this is.</summary>
    public Backend Backend { get; }

    /// <summary>Element type.</summary>
    public DType Type { get; private set; }

    /// <summary>Extents.</summary>
    public Shape Shape { get; private set; }

    /// <summary>Name for messages and checkpoints, or null.</summary>
    public string? Name { get; set; }

    /// <summary>Number of elements.</summary>
    public long ElementCount => Shape.ElementCount;

    /// <summary>
    /// The gradient, of the same shape, or null. A parameter always has one and gradients accumulate in it; a tape's
    /// intermediate tensor has one only while the backward pass needs it.
    /// </summary>
    public Tensor? Grad { get; internal set; }

    /// <summary>True when the tape computes a gradient for this tensor.</summary>
    public bool RequiresGrad { get; internal set; }

    /// <summary>True when the memory has been released.</summary>
    public bool IsDisposed => _storage is null || _storage.Address == 0;

    /// <summary>Address of the first element in the backend's memory (a host pointer on the CPU).</summary>
    /// <exception cref="ObjectDisposedException">The memory was released, or the tape that owned it was reset.</exception>
    public nint Address
    {
        get
        {
            var start = _storage is null ? 0 : _storage.Address;
            if (start == 0) throw Released();
            return start + (nint)_offset;
        }
    }

    internal TensorStorage Storage => _storage ?? throw Released();

    /// <summary>Bytes from the start of the storage to the first element.</summary>
    internal long StorageOffset => _offset;

    internal float* Floats => (float*)Address;

    internal int* Ints => (int*)Address;

    /// <summary>The same memory under another shape with as many elements.</summary>
    /// <param name="shape">The new shape.</param>
    /// <returns>A view; its gradient is a view of this gradient.</returns>
    /// <exception cref="ArgumentException">The number of elements differs.</exception>
    public Tensor View(Shape shape)
    {
        if (shape.ElementCount != ElementCount)
            throw new ArgumentException($"A tensor of shape {Shape} has {ElementCount} elements and cannot be viewed as {shape} "
                + $"({shape.ElementCount} elements).",
                nameof(shape));
        return MakeView(0, shape);
    }

    /// <summary>A contiguous part along the outermost dimension: rows of a matrix.</summary>
    /// <param name="start">First index.</param>
    /// <param name="count">Number of indices, at least 1.</param>
    /// <returns>A view; its gradient is a view of this gradient.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside the tensor.</exception>
    public Tensor Slice(int start, int count)
    {
        if (start < 0 || count < 1 || start > Shape[0] - count)
            throw new ArgumentOutOfRangeException(nameof(start), $"{start}..{start + count}",
                $"The range must lie inside 0..{Shape[0]} of the shape {Shape}.");
        return MakeView(ElementCount / Shape[0] * start, Shape.WithFirst(count));
    }

    /// <summary>Copies values from the host; a <see cref="DType.BFloat16"/> tensor takes them rounded to nearest even.</summary>
    /// <param name="values">As many values as the tensor has elements.</param>
    /// <exception cref="ArgumentException">The number of values or the element type does not fit.</exception>
    public void CopyFrom(ReadOnlySpan<float> values)
    {
        if (Type == DType.BFloat16)
            CopyIn(MemoryMarshal.AsBytes(BFloat16.FromSingles(values).AsSpan()), values.Length, DType.BFloat16);
        else CopyIn(MemoryMarshal.AsBytes(values), values.Length, DType.Float32);
    }

    /// <summary>Copies integers from the host.</summary>
    /// <param name="values">As many values as the tensor has elements.</param>
    /// <exception cref="ArgumentException">The number of values or the element type does not fit.</exception>
    public void CopyFrom(ReadOnlySpan<int> values) => CopyIn(MemoryMarshal.AsBytes(values), values.Length, DType.Int32);

    /// <summary>Copies values to the host and waits for them.</summary>
    /// <param name="values">Room for exactly as many values as the tensor has elements.</param>
    /// <exception cref="ArgumentException">The number of values or the element type does not fit.</exception>
    public void CopyTo(Span<float> values)
    {
        if (Type != DType.BFloat16)
        {
            CopyOut(MemoryMarshal.AsBytes(values), values.Length, DType.Float32);
            return;
        }

        var bits = new ushort[values.Length];
        CopyOut(MemoryMarshal.AsBytes(bits.AsSpan()), values.Length, DType.BFloat16);
        BFloat16.ToSingles(bits, values);
    }

    /// <inheritdoc cref="CopyTo(Span{float})"/>
    public void CopyTo(Span<int> values) => CopyOut(MemoryMarshal.AsBytes(values), values.Length, DType.Int32);

    /// <summary>All elements as a new array on the host.</summary>
    /// <returns>The values in row-major order.</returns>
    public float[] ToArray()
    {
        var values = new float[ElementCount];
        CopyTo(values);
        return values;
    }

    /// <summary>The value of a tensor with one element, as a loss has.</summary>
    /// <returns>The value.</returns>
    /// <exception cref="InvalidOperationException">The tensor has more than one element.</exception>
    public float Item()
    {
        if (ElementCount != 1)
            throw new InvalidOperationException($"Item() needs a tensor with one element; this one has the shape {Shape}.");
        float value;
        CopyTo(new Span<float>(&value, 1));
        return value;
    }

    /// <summary>
    /// Tells the backend that foreign code changed the memory at <see cref="Address"/>. An accelerator keeps copies of parameters
    /// in another precision and makes them anew after this; changes made through this library need no such call.
    /// </summary>
    public void MarkChanged() => Storage.ShadowIsStale = true;

    /// <summary>Sets every element.</summary>
    /// <param name="value">The value.</param>
    public void Fill(float value) => Backend.Fill(this, value);

    /// <summary>
    /// Releases the memory if this tensor owns it; views own nothing. The gradient of a parameter goes with it.
    /// </summary>
    public void Dispose()
    {
        if (!_owner) return;
        _storage?.Dispose();
        Grad?.Dispose();
    }

    /// <summary>Name, element type and shape.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Name ?? "tensor"} {Type} {Shape}";

    internal void Bind(TensorStorage? storage, long offset, DType type, Shape shape)
    {
        (_storage, _offset, Type, Shape) = (storage, offset, type, shape);
        Name = null;
        Grad = null;
        RequiresGrad = false;
    }

    // Gives the memory back to the tape's free list; the object is invalid afterwards.
    internal (TensorStorage Storage, long Offset, long Bytes) Unbind()
    {
        _ = Address;
        var memory = (_storage!, _offset, ElementCount * Type.Size());
        _storage = null;
        return memory;
    }

    private Tensor MakeView(long firstElement, Shape shape)
    {
        var view = new Tensor(Backend);
        view.Bind(_storage, _offset + (firstElement * Type.Size()), Type, shape);
        view.RequiresGrad = RequiresGrad;
        view.Grad = Grad?.MakeView(firstElement, shape);
        return view;
    }

    private void CopyIn(ReadOnlySpan<byte> bytes, int count, DType type)
    {
        CheckCopy(count, type);
        Backend.CopyFromHost(bytes, Address);
        Storage.ShadowIsStale = true;
    }

    private void CopyOut(Span<byte> bytes, int count, DType type)
    {
        CheckCopy(count, type);
        Backend.CopyToHost(Address, bytes);
    }

    private void CheckCopy(int count, DType type)
    {
        if (type != Type)
            throw new ArgumentException($"{this} cannot be copied from or to {type} values.");
        if (count != ElementCount)
            throw new ArgumentException($"{this} has {ElementCount} elements, but {count} values were given.");
    }

    private ObjectDisposedException Released() => new(nameof(Tensor),
        $"The memory of {this} was released: the tensor was disposed, or the tape it came from was reset.");
}
