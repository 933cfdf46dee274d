namespace AutoResearch.Kernels;

/// <summary>
/// The operations that a training step is made of: one method per fused operation, forward and backward, on preallocated tensors.
/// The public methods check shapes and element types once for all backends; an implementation overrides the protected ones.
/// </summary>
/// <remarks>
/// Matrices are row-major and tokens are rows: activations are <c>[tokens, channels]</c>, weights <c>[outputs, inputs]</c>.
/// "accumulate" means <c>+=</c>; otherwise a gradient is overwritten. Gradients of parameters always accumulate.
/// A backend serves one thread at a time.
/// </remarks>
public abstract partial class Backend : IDisposable
{
    /// <summary>
    /// Epsilon of every RMS normalisation: the machine epsilon of single precision, PyTorch's default for <c>rms_norm</c>.
    /// </summary>
    public const float NormEpsilon = 1.1920929e-07f;

    /// <summary>Short description of the device and code path, for logs.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// Element type of activations and their gradients. Parameters, their gradients, optimizer moments, statistics (inverse RMS,
    /// log-sum-exp, gates) and losses are <see cref="DType.Float32"/> on every backend.
    /// </summary>
    public virtual DType ActivationType => DType.Float32;

    /// <summary>
    /// True when operations return before they are done, so that the host can prepare the next batch meanwhile.
    /// Copies to the host wait for what they need.
    /// </summary>
    public virtual bool IsAsynchronous => false;

    /// <summary>Bytes of memory that tensors can have at most.</summary>
    public virtual long TotalMemory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Bytes of that memory in use now: the whole process's on the host, those of tensors on an accelerator.</summary>
    public virtual long UsedMemory => Environment.WorkingSet;

    /// <summary>Makes an object that runs the same step again and again in the fastest way this backend has.</summary>
    /// <returns>The object; dispose it before the backend.</returns>
    public virtual StepGraph CreateStepGraph() => new();

    /// <summary>Allocates a tensor filled with zeros, owned by the caller.</summary>
    /// <param name="shape">Extents.</param>
    /// <param name="type">Element type.</param>
    /// <param name="name">Name for messages, or null.</param>
    /// <returns>The tensor.</returns>
    public Tensor Allocate(Shape shape, DType type = DType.Float32, string? name = null)
    {
        var tensor = new Tensor(this, type, shape, name);
        Clear(tensor);
        return tensor;
    }

    /// <summary>Allocates a trainable single-precision tensor of zeros with a gradient of zeros.</summary>
    /// <param name="shape">Extents.</param>
    /// <param name="name">Name for messages and checkpoints, or null.</param>
    /// <returns>The tensor; disposing it disposes the gradient.</returns>
    public Tensor Parameter(Shape shape, string? name = null)
    {
        var parameter = Allocate(shape, DType.Float32, name);
        parameter.Grad = Allocate(shape, DType.Float32, name is null ? null : name + ".grad");
        parameter.RequiresGrad = true;
        return parameter;
    }

    /// <summary>Makes the table of rotary position embeddings that <see cref="RotaryNorm"/> reads.</summary>
    /// <param name="positions">Longest sequence.</param>
    /// <param name="headDim">Channels of one head, even.</param>
    /// <param name="theta">Base of the frequencies, greater than 1.</param>
    /// <returns>A tensor <c>[positions, headDim]</c>: per position the cosines of all frequencies, then the sines.</returns>
    public Tensor CreateRotaryTable(int positions, int headDim, double theta = 10_000)
    {
        if (headDim < 2 || headDim % 2 != 0)
            throw new ArgumentException($"headDim ({headDim}) must be even and positive.", nameof(headDim));
        if (!(theta > 1))
            throw new ArgumentOutOfRangeException(nameof(theta), theta, "The base of the frequencies must exceed 1.");
        var table = Allocate((positions, headDim), DType.Float32, "rotary");
        var values = new float[table.ElementCount];
        var half = headDim / 2;
        for (var position = 0; position < positions; position++)
        {
            for (var i = 0; i < half; i++)
            {
                var angle = position * Math.Pow(theta, -2.0 * i / headDim);
                values[((long)position * headDim) + i] = (float)Math.Cos(angle);
                values[((long)position * headDim) + half + i] = (float)Math.Sin(angle);
            }
        }

        table.CopyFrom(values);
        return table;
    }

    /// <summary>
    /// Waits until all work issued so far has been done. An accelerator reports here, and when values are copied to the host,
    /// what it found wrong meanwhile, such as a token id outside its table.
    /// </summary>
    public virtual void Synchronize() { }

    /// <summary>Sets every element of a tensor of floating-point numbers.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="value">The value.</param>
    public void Fill(Tensor tensor, float value)
    {
        Real(tensor);
        FillCore(tensor, value);
    }

    /// <summary>Multiplies every element of a single-precision tensor, in place.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="factor">The factor.</param>
    public void Scale(Tensor tensor, float factor)
    {
        Own(tensor);
        if (tensor.Type != DType.Float32) throw new ArgumentException($"Scale needs Float32, but {tensor} is {tensor.Type}.");
        ScaleCore(tensor, factor);
    }

    /// <summary>Adds one tensor to another: <c>sum += x</c>. Each may be an activation or Float32.</summary>
    /// <param name="x">What is added.</param>
    /// <param name="sum">Same number of rows and columns as <paramref name="x"/>.</param>
    public void Add(Tensor x, Tensor sum)
    {
        Real(x);
        Real(sum);
        Size(sum, nameof(sum), x.Shape.Rows, x.Shape.Columns);
        AddCore(x, sum);
    }

    /// <summary>Releases threads and scratch memory. Tensors are not touched.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the implementation holds.</summary>
    /// <param name="disposing">True when called from <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing) { }

    /// <summary>Reserves memory, aligned to 64 bytes, with undefined content.</summary>
    /// <param name="bytes">Size in bytes, positive.</param>
    /// <returns>Address of the first byte.</returns>
    protected internal abstract nint AllocateMemory(long bytes);

    /// <summary>Returns memory. Called from any thread, the finalizer's included.</summary>
    /// <param name="address">What <see cref="AllocateMemory"/> returned.</param>
    /// <param name="bytes">The size asked for.</param>
    protected internal abstract void FreeMemory(nint address, long bytes);

    /// <summary>Copies bytes from the host.</summary>
    /// <param name="source">Host bytes.</param>
    /// <param name="destination">Address in this backend's memory.</param>
    protected internal abstract void CopyFromHost(ReadOnlySpan<byte> source, nint destination);

    /// <summary>Copies bytes to the host and waits for them.</summary>
    /// <param name="source">Address in this backend's memory.</param>
    /// <param name="destination">Host bytes.</param>
    protected internal abstract void CopyToHost(nint source, Span<byte> destination);

    /// <summary>Sets all bytes of a tensor to zero.</summary>
    /// <param name="tensor">The tensor.</param>
    protected internal abstract void Clear(Tensor tensor);

    /// <summary>Implements <see cref="Fill"/>.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="value">The value.</param>
    protected abstract void FillCore(Tensor tensor, float value);

    /// <summary>Implements <see cref="Scale"/>.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="factor">The factor.</param>
    protected abstract void ScaleCore(Tensor tensor, float factor);

    /// <summary>Implements <see cref="Add"/>.</summary>
    /// <param name="x">What is added.</param>
    /// <param name="sum">The sum.</param>
    protected abstract void AddCore(Tensor x, Tensor sum);
}
