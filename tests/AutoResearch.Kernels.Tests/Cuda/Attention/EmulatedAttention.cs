using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>
/// Attention on the emulator: the library's own planning of launches and parameters, with kernels compiled by g++, on memory that
/// is NaN at first. A text patch turns it into a mutant.
/// </summary>
internal sealed unsafe class EmulatedAttention : IAttentionTarget, IDisposable
{
    private static readonly ConcurrentDictionary<AttentionCase, AttentionReference> References = new();

    private static readonly Regex IncludeLine = new("#include \"([^\"]+)\"");

    private readonly AttentionCase _case;
    private readonly AttentionProblem _problem;
    private readonly Func<string, string, string>? _patch;
    private readonly List<EmulatorMemory> _memory = [];

    internal EmulatedAttention(AttentionCase test, bool hopper, Func<string, string, string>? patch = null)
    {
        (_case, Hopper, _patch) = (test, hopper, patch);
        Reference = References.GetOrAdd(test with { Seed = 0, Multiprocessors = 0, Layout = default },
            t => new AttentionReference(t));
        var starts = Keep(Reference.Starts.Length * sizeof(int));
        for (var i = 0; i < Reference.Starts.Length; i++) starts.Int(i) = Reference.Starts[i];
        _problem = new(test.Batch, test.Heads, test.KvHeads, test.HeadDim, test.Queries, test.Keys)
        {
            Window = test.Window, Causal = test.Causal, DocumentStarts = test.Documents ? starts.Address : 0,
        };
        (Q, K, V) = Qkv();
        (Dq, Dk, Dv) = Qkv();
        (O, Dout) = (Alone(test.Queries, test.Heads), Alone(test.Queries, test.Heads));
        Lse = Keep(Reference.Lse.Length * sizeof(float));
        Write(Q, Reference.Q, test.Queries, test.Heads);
        Write(K, Reference.K, test.Keys, test.KvHeads);
        Write(V, Reference.V, test.Keys, test.KvHeads);
        Write(Dout, Reference.Dout, test.Queries, test.Heads);
    }

    /// <inheritdoc/>
    public bool Hopper { get; }

    /// <inheritdoc/>
    public int Multiprocessors => _case.Multiprocessors;

    /// <summary>Gets the first launch that did not run to its end, or null.</summary>
    internal string? Fault { get; private set; }

    internal AttentionReference Reference { get; }

    internal AttentionTensor Q { get; }

    internal AttentionTensor K { get; }

    internal AttentionTensor V { get; }

    internal AttentionTensor O { get; }

    internal AttentionTensor Dout { get; }

    internal AttentionTensor Dq { get; }

    internal AttentionTensor Dk { get; }

    internal AttentionTensor Dv { get; }

    internal EmulatorMemory Lse { get; }

    internal void Forward() => AttentionKernels.Forward(this, _problem, Q, K, V, O, Lse.Address);

    /// <summary>Backward from the reference's output and log-sum-exp, so that its errors are its own.</summary>
    internal void Backward(bool deterministic)
    {
        Write(O, [.. Reference.O.Select(x => (float)x)], _case.Queries, _case.Heads);
        for (var i = 0; i < Reference.Lse.Length; i++) Lse.Float(i) = (float)Reference.Lse[i];
        var workspace = Keep(AttentionKernels.WorkspaceBytes(_problem, Hopper, deterministic));
        AttentionKernels.Backward(this, _problem, Q, K, V, O, Dout, Lse.Address, Dq, Dk, Dv, workspace.Address, deterministic);
    }

    /// <summary>What is wrong with the output, or null.</summary>
    internal string? ForwardError()
    {
        if (Fault is not null) return Fault;
        for (var i = 0; i < Reference.Lse.Length; i++)
        {
            var (expected, actual) = (Reference.Lse[i], (double)Lse.Float(i));
            if (double.IsInfinity(expected)
                ? actual != expected
                : !(Math.Abs(actual - expected) < 3e-5 + (3e-6 * Math.Abs(expected))))
                return $"lse of row {i}: {actual}, expected {expected}";
        }

        return Compare("o", O, Reference.O, _case.Queries, _case.Heads, 0.012);
    }

    /// <summary>What is wrong with the gradients, or null.</summary>
    internal string? BackwardError() => Fault
        ?? Compare("dq", Dq, Reference.Dq, _case.Queries, _case.Heads, 0.01)
        ?? Compare("dk", Dk, Reference.Dk, _case.Keys, _case.KvHeads, 0.01)
        ?? Compare("dv", Dv, Reference.Dv, _case.Keys, _case.KvHeads, 0.01);

    /// <summary>All elements of a result, as bits.</summary>
    internal ushort[] Bits(in AttentionTensor tensor, int rows, int heads)
    {
        var bits = new ushort[_case.Batch * heads * rows * _case.HeadDim];
        var at = 0;
        for (var b = 0; b < _case.Batch; b++)
            for (var h = 0; h < heads; h++)
                for (var r = 0; r < rows; r++)
                    for (var c = 0; c < _case.HeadDim; c++) bits[at++] = *Element(tensor, b, h, r, c);
        return bits;
    }

    /// <inheritdoc/>
    public void EncodeMap(void* map, in AttentionTensor tensor, int headDim, int rows, int heads, int batch, int boxRows)
    {
        var extents = stackalloc ulong[4] { (ulong)headDim, (ulong)rows, (ulong)heads, (ulong)batch };
        var strides =
            stackalloc ulong[3] { (ulong)tensor.RowStride * 2, (ulong)tensor.HeadStride * 2, (ulong)tensor.BatchStride * 2 };
        var box = stackalloc uint[4] { 64, (uint)boxRows, 1, 1 };
        var steps = stackalloc uint[4] { 1, 1, 1, 1 };
        var encode = (delegate* unmanaged<void*, int, uint, nint, ulong*, ulong*, uint*, uint*, int, int, int, int, int>)
            EmulatorMemory.Export("emu_encode_tiled");
        Assert.Equal(0, encode(map, 9, 4, tensor.Address, extents, strides, box, steps, 0, 3, 3, 0));
    }

    /// <inheritdoc/>
    public void Clear(nint address, long bytes) => new Span<byte>((void*)address, checked((int)bytes)).Clear();

    /// <inheritdoc/>
    public void Launch(in AttentionStep step, void* parameters, int bytes)
    {
        if (Fault is not null) return;
        var library = EmulatorLibrary.Compile(Text(step.File), step.Defines().Select(d => $"{d.Key}={d.Value}"), [step.Entry]);
        var (grid, block) = (step.Launch.Grid, step.Launch.Block);
        var result = library.Launch(step.Entry, (grid.X, grid.Y, grid.Z), (block.X, block.Y, block.Z), step.Launch.SharedBytes,
            [(nint)parameters], _case.Seed, timeoutSeconds: 30);
        if (result.Status != EmulatorStatus.Ran) Fault = $"{step.Entry}: {result.Status}: {result.Message}";
    }

    public void Dispose()
    {
        foreach (var memory in _memory) memory.Dispose();
        _memory.Clear();
    }

    private string Text(string file) => _patch is null ? EmulatorToolchain.KernelText(file) : Patched(file, []);

    // The text with its headers pasted in, so that a mutant of a header compiles like any other.
    private string Patched(string file, HashSet<string> seen) =>
        IncludeLine.Replace(_patch!(file, EmulatorToolchain.KernelText(file)), include =>
            include.Groups[1].Value is var name && name == "ptx.cuh" ? include.Value : seen.Add(name) ? Patched(name, seen) : "");

    private EmulatorMemory Keep(long bytes, bool poison = true)
    {
        var memory = new EmulatorMemory(bytes, poison);
        _memory.Add(memory);
        return memory;
    }

    private (AttentionTensor Q, AttentionTensor K, AttentionTensor V) Qkv()
    {
        if (_case.Layout != AttentionCaseLayout.Fused || _case.Queries != _case.Keys)
            return (Alone(_case.Queries, _case.Heads), Alone(_case.Keys, _case.KvHeads), Alone(_case.Keys, _case.KvHeads));
        var columns = (_case.Heads + (2 * _case.KvHeads)) * _case.HeadDim;
        var address = Keep((long)_case.Batch * _case.Queries * columns * 2).Address;
        AttentionTensor Part(int head) =>
            AttentionTensor.Rows(address, _case.Queries, _case.HeadDim, columns, head * _case.HeadDim);
        return (Part(0), Part(_case.Heads), Part(_case.Heads + _case.KvHeads));
    }

    private AttentionTensor Alone(int rows, int heads)
    {
        var (d, padding) = (_case.HeadDim, 8); // an offset start
        if (_case.Layout == AttentionCaseLayout.Huge)
        {
            // Only the touched pages of this much address space exist.
            long row = (1L << 31) / rows / 8 * 8, head = d, batch = row * rows;
            return new(Keep((batch * _case.Batch * 2) + 4096, poison: false).Address, row, head, batch);
        }

        var address = Keep(((long)_case.Batch * rows * heads * d * 2) + (padding * 2)).Address + (padding * 2);
        return _case.Layout == AttentionCaseLayout.HeadMajor
            ? new(address, d, (long)rows * d, (long)heads * rows * d)
            : new(address, (long)heads * d, d, (long)rows * heads * d);
    }

    private ushort* Element(in AttentionTensor tensor, int batch, int head, int row, int channel) =>
        (ushort*)tensor.Address + (batch * tensor.BatchStride) + (head * tensor.HeadStride) + (row * tensor.RowStride) + channel;

    private void Write(in AttentionTensor tensor, float[] values, int rows, int heads)
    {
        var at = 0;
        for (var b = 0; b < _case.Batch; b++)
            for (var h = 0; h < heads; h++)
                for (var r = 0; r < rows; r++)
                    for (var c = 0; c < _case.HeadDim; c++)
                        *Element(tensor, b, h, r,
                            c) = (ushort)(BitConverter.SingleToUInt32Bits(AttentionReference.RoundToBf16(values[at++])) >> 16);
    }

    // Largest error against the largest value; an element that is no number counts as wrong.
    private string? Compare(string name, in AttentionTensor tensor, double[] expected, int rows, int heads, double tolerance)
    {
        var bits = Bits(tensor, rows, heads);
        var limit = (tolerance * expected.Max(Math.Abs)) + 2e-3;
        var (worst, where) = (0.0, -1);
        for (var i = 0; i < bits.Length; i++)
        {
            var error = Math.Abs(BitConverter.UInt32BitsToSingle((uint)bits[i] << 16) - expected[i]);
            if (double.IsNaN(error)) return $"{name}[{i}] is NaN, expected {expected[i]}";
            if (error > worst) (worst, where) = (error, i);
        }

        return worst <= limit
            ? null
            : $"{name}[{where}] is wrong by {worst:g3} (limit {limit:g3}, expected {expected[where]:g4})";
    }
}
