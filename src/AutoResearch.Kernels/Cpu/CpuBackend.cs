using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

/// <summary>
/// The operations in vectorised C# on several threads. Every sum has one order, so that the same inputs give bit-equal results
/// whatever the number of threads; the steady state allocates nothing.
/// </summary>
public sealed unsafe partial class CpuBackend : HostBackend
{
    // Rows of one task: a function of the shape only, so that partial sums do not depend on the number of threads.
    private const int RowsPerTask = 32;
    private const long ElementsPerTask = 1 << 15;

    private readonly ThreadTeam _team;
    private readonly ScratchBuffer _packed = new(), _partials = new(), _logits = new(), _weights = new(),
        _weightsTransposed = new(), _attention = new(), _bounds = new();

    /// <summary>Creates a backend and its threads.</summary>
    /// <param name="options">Settings, or null for the defaults.</param>
    public CpuBackend(CpuBackendOptions? options = null)
    {
        options ??= new();
        var threads = options.Threads;
        if (threads is < 1 or > 1024)
            throw new ArgumentOutOfRangeException(nameof(options), threads, "CpuBackendOptions.Threads must be 1 to 1024.");
        Tuning = options.Tuning ?? CpuTuningFile.Load() ?? CpuTuning.Default;
        _team = new ThreadTeam(threads);
    }

    /// <inheritdoc/>
    public override string Name => $"cpu, {_team.Threads} thread{(_team.Threads == 1 ? "" : "s")}, "
        + (Vector512.IsHardwareAccelerated ? "512-bit vectors" : Vector256.IsHardwareAccelerated ? "256-bit vectors"
            : "128-bit vectors");

    /// <summary>Threads that compute, the caller's included.</summary>
    public int Threads => _team.Threads;

    /// <summary>Tile and block sizes; a change takes effect with the next operation.</summary>
    /// <exception cref="ArgumentException">This machine cannot compute with them.</exception>
    public CpuTuning Tuning
    {
        get;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value.Validate();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _team.Dispose();
            _packed.Dispose();
            _batch.Dispose();
            _partials.Dispose();
            _logits.Dispose();
            _weights.Dispose();
            _weightsTransposed.Dispose();
            _attention.Dispose();
            _bounds.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    protected override void FillCore(Tensor tensor, float value) =>
        new Span<float>(tensor.Floats, checked((int)tensor.ElementCount)).Fill(value);

    /// <inheritdoc/>
    protected override void ScaleCore(Tensor tensor, float factor) =>
        _team.Run(Chunks(tensor.ElementCount), new ScaleWork { X = tensor.Floats, Count = tensor.ElementCount, Factor = factor });

    /// <inheritdoc/>
    protected override void AddCore(Tensor x, Tensor sum) =>
        _team.Run(Chunks(x.ElementCount), new AddWork { X = x.Floats, Sum = sum.Floats, Count = x.ElementCount });

    private static int Chunks(long elements) => checked((int)((elements + ElementsPerTask - 1) / ElementsPerTask));

    private static int RowTasks(long rows) => checked((int)((rows + RowsPerTask - 1) / RowsPerTask));

    // C (+)= op(A) · op(B) for row-major matrices.
    private void Product(
        float* a, float* b, float* c, int m, int n, int k, bool transposeA, bool transposeB, bool accumulate,
        GemmEpilogue epilogue = GemmEpilogue.None, float* other = null)
    {
        var (aRow, aColumn) = transposeA ? (1L, (long)m) : (k, 1L);
        var (bRow, bColumn) = transposeB ? (1L, (long)k) : (n, 1L);
        Gemm.Run(
            _team, _packed.Take(Gemm.ScratchLength(m, n, k, Tuning)), a, aRow, aColumn, b, bRow, bColumn, c, m, n, k, accumulate,
            Tuning,
            epilogue, other);
    }

    private float* Packed(ScratchBuffer buffer, float* b, int n, int k, bool transposeB)
    {
        var scratch = buffer.Take(Gemm.PackedLength(n, k, Tuning));
        var (bRow, bColumn) = transposeB ? (1L, (long)k) : (n, 1L);
        Gemm.PackB(_team, scratch, b, bRow, bColumn, n, k, Tuning);
        return scratch;
    }

    private void ProductPacked(float* a, float* packed, float* c, int m, int n, int k) =>
        Gemm.RunPacked(_team, packed, a, k, 1, c, m, n, k, false, Tuning);

    private struct AddWork : IParallelWork
    {
        internal float* X, Sum;
        internal long Count;

        public readonly void Execute(int task)
        {
            var start = task * ElementsPerTask;
            Simd.AddScaled(X + start, 1, Sum + start, (int)Math.Min(ElementsPerTask, Count - start));
        }
    }
}
