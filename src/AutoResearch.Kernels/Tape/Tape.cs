using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels;

/// <summary>
/// Define-by-run automatic differentiation over fused operations: a forward pass records a few dozen of them, and
/// <see cref="Backward(Tensor)"/> runs their gradients in reverse. Memory of the step comes from an arena that
/// <see cref="Reset"/> empties; once warm, a step of the same shape allocates nothing.
/// </summary>
/// <example>
/// <code>
/// tape.Reset();
/// var h = tape.RmsNorm(x);
/// x = tape.Mlp(h, wIn, wOut, residual: x);
/// var loss = tape.CrossEntropy(tape.RmsNorm(x), head, targets);
/// tape.Backward(loss);
/// </code>
/// </example>
/// <remarks>Gradients of parameters accumulate until an optimizer clears them. Not thread safe.</remarks>
public sealed partial class Tape : IDisposable
{
    private readonly MemoryArena _arena;
    private readonly List<Tensor> _tensors = [];
    private readonly List<Operation> _operations = [];
    private readonly List<(TensorStorage Storage, long Offset, long Bytes)> _free = [];
    private int _tensorCount;
    private int _operationCount;

    /// <summary>Creates an empty tape that records.</summary>
    /// <param name="backend">Where the operations run.</param>
    public Tape(Backend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        Backend = backend;
        _arena = new MemoryArena(backend);
    }

    /// <summary>Where the operations run.</summary>
    public Backend Backend { get; }

    /// <summary>True while operations are recorded for a backward pass.</summary>
    public bool IsRecording { get; private set; } = true;

    /// <summary>Memory held for activations and gradients of a step, in bytes.</summary>
    public long Capacity => _arena.Capacity;

    /// <summary>Operations recorded since the last reset.</summary>
    public int OperationCount => _operationCount;

    /// <summary>Test hook: fills new memory with NaN, so that a read before the first write shows.</summary>
    internal bool Poison { get; set; }

    /// <summary>Starts a step: forgets everything recorded and takes back all tensors of the last step.</summary>
    /// <param name="record">False for evaluation: nothing is recorded and losses compute no gradients.</param>
    public void Reset(bool record = true)
    {
        for (var i = 0; i < _tensorCount; i++) _tensors[i].Bind(null, 0, DType.Float32, _tensors[i].Shape);
        _tensorCount = 0;
        _operationCount = 0;
        _free.Clear();
        _arena.Reset();
        IsRecording = record;
    }

    /// <summary>Takes a tensor with undefined content from the step's memory.</summary>
    /// <param name="shape">Extents.</param>
    /// <param name="type">Element type.</param>
    /// <returns>A tensor that lives until the next <see cref="Reset"/>.</returns>
    public Tensor Allocate(Shape shape, DType type = DType.Float32)
    {
        var bytes = shape.ElementCount * type.Size();
        var (storage, offset) = TakeFree(bytes) ?? _arena.Take(bytes);
        var tensor = NextTensor();
        tensor.Bind(storage, offset, type, shape);
        if (Poison && type != DType.Int32) Backend.Fill(tensor, float.NaN);
        return tensor;
    }

    /// <summary>Copies integers (token ids, targets) into the step's memory.</summary>
    /// <param name="values">The values.</param>
    /// <param name="shape">Extents; as many elements as values.</param>
    /// <returns>A tensor that lives until the next <see cref="Reset"/>.</returns>
    public Tensor Input(ReadOnlySpan<int> values, Shape shape)
    {
        var tensor = Allocate(shape, DType.Int32);
        tensor.CopyFrom(values);
        return tensor;
    }

    /// <summary>Copies numbers into the step's memory as an activation; no gradient is computed for them.</summary>
    /// <param name="values">The values.</param>
    /// <param name="shape">Extents; as many elements as values.</param>
    /// <returns>A tensor that lives until the next <see cref="Reset"/>.</returns>
    public Tensor Input(ReadOnlySpan<float> values, Shape shape)
    {
        var tensor = Allocate(shape, Backend.ActivationType);
        tensor.CopyFrom(values);
        return tensor;
    }

    /// <summary>Adds the gradients of a loss to the parameters it depends on.</summary>
    /// <param name="loss">A tensor with one element that this tape recorded.</param>
    /// <exception cref="InvalidOperationException">The tape does not record, or no parameter takes part in the loss.</exception>
    public void Backward(Tensor loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        if (loss.ElementCount != 1)
            throw new InvalidOperationException($"Backward needs a loss with one element; {loss} has {loss.ElementCount}.");
        CheckRecorded(loss);
        var seed = GradientOf(loss, out _);
        seed.Fill(1);
        RunBackward();
    }

    /// <summary>Adds the gradients of <c>sum(output · gradient)</c> to the parameters: a backward pass from any tensor.</summary>
    /// <param name="output">A tensor that this tape recorded.</param>
    /// <param name="gradient">As many values as <paramref name="output"/> has elements.</param>
    /// <exception cref="InvalidOperationException">The tape does not record, or no parameter takes part in
    /// the output.</exception>
    public void Backward(Tensor output, ReadOnlySpan<float> gradient)
    {
        ArgumentNullException.ThrowIfNull(output);
        CheckRecorded(output);
        GradientOf(output, out _).CopyFrom(gradient);
        RunBackward();
    }

    /// <summary>Appends an operation to the record. Only while <see cref="IsRecording"/>.</summary>
    /// <typeparam name="T">Kind of operation.</typeparam>
    /// <returns>An object to fill in; its fields may hold values of an earlier step.</returns>
    public T Record<T>() where T : Operation, new()
    {
        if (!IsRecording) throw new InvalidOperationException("The tape does not record; call Reset(record: true) first.");
        var index = _operationCount++;
        if (index < _operations.Count)
        {
            if (_operations[index] is T same) return same;
            var other = new T();
            _operations[index] = other;
            return other;
        }

        var added = new T();
        _operations.Add(added);
        return added;
    }

    /// <summary>The gradient of a tensor, made when it has none yet.</summary>
    /// <param name="tensor">An input of an operation.</param>
    /// <param name="accumulate">True when there is a gradient to add to; false when the content is undefined and must be
    /// overwritten.</param>
    /// <returns>The gradient.</returns>
    public Tensor GradientOf(Tensor tensor, out bool accumulate)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        accumulate = tensor.Grad is not null;
        return tensor.Grad ??= Allocate(tensor.Shape, tensor.Type);
    }

    /// <summary>
    /// Adds the gradient of an output to that of an input, as a residual connection does. When the input has none yet, the memory
    /// changes hands and nothing is copied.
    /// </summary>
    /// <param name="output">Its gradient must no longer be needed.</param>
    /// <param name="input">A tensor of the same shape.</param>
    public void PassGradient(Tensor output, Tensor input)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(input);
        if (input.Grad is null)
        {
            input.Grad = output.Grad;
            output.Grad = null;
            return;
        }

        Backend.Add(output.Grad!, input.Grad);
        Release(output);
    }

    /// <summary>Returns the gradient of an intermediate tensor to the step's memory.</summary>
    /// <param name="tensor">A tensor of this tape whose gradient nobody reads any more.</param>
    public void Release(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Grad is not { } gradient) return;
        tensor.Grad = null;
        Recycle(gradient);
    }

    /// <summary>Returns a scratch tensor of an operation to the step's memory.</summary>
    /// <param name="scratch">A tensor from <see cref="Allocate"/> that nobody reads any more.</param>
    public void Recycle(Tensor scratch)
    {
        ArgumentNullException.ThrowIfNull(scratch);
        var (storage, offset, bytes) = scratch.Unbind();
        _free.Add((storage, offset, bytes));
    }

    /// <summary>Releases the memory. All tensors of the tape become invalid.</summary>
    public void Dispose()
    {
        Reset();
        _arena.Dispose();
    }

    private void RunBackward()
    {
        for (var i = _operationCount - 1; i >= 0; i--)
            if (_operations[i].HasGradient) _operations[i].Backward(this);
    }

    private void CheckRecorded(Tensor tensor)
    {
        if (!IsRecording)
            throw new InvalidOperationException("The tape does not record; call Reset(record: true) before the forward pass.");
        if (!tensor.RequiresGrad)
            throw new InvalidOperationException($"{tensor} depends on no parameter, so there is nothing to differentiate.");
    }

    private (TensorStorage Storage, long Offset)? TakeFree(long bytes)
    {
        for (var i = _free.Count - 1; i >= 0; i--)
        {
            if (_free[i].Bytes != bytes) continue;
            var (storage, offset, _) = _free[i];
            _free[i] = _free[^1];
            _free.RemoveAt(_free.Count - 1);
            return (storage, offset);
        }

        return null;
    }

    private Tensor NextTensor()
    {
        if (_tensorCount == _tensors.Count) _tensors.Add(new Tensor(Backend));
        return _tensors[_tensorCount++];
    }

    // Output of an operation: differentiable when an input is.
    private Tensor Output(Shape shape, bool requiresGrad) => Output(shape, requiresGrad, Backend.ActivationType);

    private Tensor Output(Shape shape, bool requiresGrad, DType type)
    {
        var tensor = Allocate(shape, type);
        tensor.RequiresGrad = requiresGrad && IsRecording;
        return tensor;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Rows(Tensor tensor) => checked((int)tensor.Shape.Rows);
}
