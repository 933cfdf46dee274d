namespace AutoResearch.Kernels;

/// <summary>
/// Matrix products by NVIDIA's cuBLASLt, on row-major matrices with sums in single precision. The algorithm for a shape is chosen
/// once, by cuBLASLt's own heuristic, and kept.
/// </summary>
/// <remarks>
/// One workspace serves all products, so those of one object must not run at the same time in several streams. Calls come from
/// one thread at a time; they allocate nothing once a shape is known and may be captured into a graph.
/// </remarks>
public sealed unsafe class CublasLt : IDisposable
{
    private const int MostAlignment = 256;

    private readonly CudaDevice _device;
    private readonly CublasLtLibrary _library;
    private readonly CudaBuffer _workspace;
    private readonly Dictionary<Key, Plan> _plans = [];
    private nint _handle;

    /// <summary>Loads cuBLASLt and reserves its workspace.</summary>
    /// <param name="device">The device.</param>
    /// <param name="workspaceBytes">Memory that algorithms may use; 32 MiB is what NVIDIA recommends for Hopper.</param>
    /// <exception cref="CudaNotFoundException">cuBLASLt is missing; the message lists where was looked.</exception>
    public CublasLt(CudaDevice device, long workspaceBytes = 32L << 20)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfLessThan(workspaceBytes, 1);
        _device = device;
        _library = new CublasLtLibrary(device.Options.Libraries);
        _workspace = new CudaBuffer(device, workspaceBytes);
        device.MakeCurrent();
        nint handle;
        var status = _library.Create(&handle);
        if (status != 0) _workspace.Dispose();
        _library.Check(status, "cublasLtCreate");
        _handle = handle;
    }

    /// <summary>Releases the native handles if <see cref="Dispose"/> was not called.</summary>
    ~CublasLt() => Release();

    /// <summary>cuBLASLt's version number, as in 120400.</summary>
    public long Version => (long)_library.GetVersion();

    /// <summary>Number of shapes whose algorithm is known.</summary>
    public int PlanCount => _plans.Count;

    /// <summary>Puts a product into a stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="shape">Extents, layout and types.</param>
    /// <param name="a">Device address of A.</param>
    /// <param name="b">Device address of B.</param>
    /// <param name="c">Device address of C.</param>
    /// <param name="alpha">Factor of the product.</param>
    /// <param name="beta">Factor of C's old content: 1 accumulates, 0 overwrites without reading it.</param>
    /// <param name="source">Device address of what <paramref name="beta"/> multiplies, laid out as C; 0 for C itself.</param>
    /// <exception cref="ArgumentException">The shape is impossible.</exception>
    /// <exception cref="CudaException">cuBLASLt has no algorithm for it, or failed.</exception>
    public void Matmul(
        CudaStream stream, in MatmulShape shape, nint a, nint b, nint c, float alpha = 1, float beta = 0, nint source = 0)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        _device.MakeCurrent();
        if (source == 0) source = c;
        var key = new Key(shape, Alignment(a), Alignment(b), Math.Min(Alignment(source), Alignment(c)));
        if (!_plans.TryGetValue(key, out var plan)) _plans.Add(key, plan = Choose(key));

        // cuBLASLt sees column-major matrices, that is, all of them transposed: Cᵀ = op(B)ᵀ · op(A)ᵀ.
        _device.LastKernel = "cublasLtMatmul";
        int status;
        fixed (NativeAlgorithm* algorithm = &plan.Algorithm)
        {
            status = _library.Matmul(_handle, plan.Description, &alpha, b, plan.LayoutB, a, plan.LayoutA, &beta, source,
                plan.LayoutC, c, plan.LayoutC, algorithm, _workspace.Address, (nuint)_workspace.Bytes, stream.Handle);
        }

        if (status != 0) Fail(status, shape);
        if (_device.Options.SynchronizeLaunches && !stream.IsCapturing) stream.Synchronize();
    }

    /// <summary>Releases handles and workspace.</summary>
    public void Dispose()
    {
        Release();
        _workspace.Dispose();
        GC.SuppressFinalize(this);
    }

    private static int Alignment(nint address) => address == 0 ? MostAlignment : (int)Math.Min(MostAlignment, address & -address);

    private static int Type(DType type) => type == DType.BFloat16 ? CublasLtLibrary.Real16BF : CublasLtLibrary.Real32F;

    // A failed kernel is cuBLASLt's "execution failed"; the driver knows better what happened.
    private void Fail(int status, in MatmulShape shape)
    {
        const int executionFailed = 13;
        if (status == executionFailed) _device.Synchronize();
        _library.Check(status, $"cublasLtMatmul({shape})");
    }

    private Plan Choose(in Key key)
    {
        var shape = key.Shape;
        shape.Validate();
        var plan = new Plan();
        try
        {
            nint handle;
            _library.Check(_library.MatmulDescCreate(&handle, CublasLtLibrary.Compute32F, CublasLtLibrary.Real32F),
                "cublasLtMatmulDescCreate");
            plan.Description = handle;
            int first = shape.TransposeB ? 1 : 0, second = shape.TransposeA ? 1 : 0;
            _library.Check(_library.MatmulDescSetAttribute(handle, CublasLtLibrary.TransA, &first, sizeof(int)),
                "cublasLtMatmulDescSetAttribute");
            _library.Check(_library.MatmulDescSetAttribute(handle, CublasLtLibrary.TransB, &second, sizeof(int)),
                "cublasLtMatmulDescSetAttribute");
            plan.LayoutA = Layout(shape.Input, shape.TransposeA ? shape.K : shape.M, shape.TransposeA ? shape.M : shape.K,
                shape.RowA, shape.Batch, shape.BatchStrideA);
            plan.LayoutB = Layout(shape.Input, shape.TransposeB ? shape.N : shape.K, shape.TransposeB ? shape.K : shape.N,
                shape.RowB, shape.Batch, shape.BatchStrideB);
            plan.LayoutC = Layout(shape.Output, shape.M, shape.N, shape.RowC, shape.Batch, shape.BatchStrideC);
            plan.Algorithm = Heuristic(key, plan);
            return plan;
        }
        catch
        {
            Destroy(plan);
            throw;
        }
    }

    // A row-major [rows, columns] is a column-major [columns, rows] with the same distance between lines.
    private nint Layout(DType type, long rows, long columns, long stride, int batch, long batchStride)
    {
        nint layout;
        _library.Check(_library.MatrixLayoutCreate(&layout, Type(type), (ulong)columns, (ulong)rows, stride),
            "cublasLtMatrixLayoutCreate");
        if (batch > 1)
        {
            _library.Check(_library.MatrixLayoutSetAttribute(layout, CublasLtLibrary.BatchCount, &batch, sizeof(int)),
                "cublasLtMatrixLayoutSetAttribute");
            _library.Check(
                _library.MatrixLayoutSetAttribute(layout, CublasLtLibrary.StridedBatchOffset, &batchStride, sizeof(long)),
                "cublasLtMatrixLayoutSetAttribute");
        }

        return layout;
    }

    private NativeAlgorithm Heuristic(in Key key, Plan plan)
    {
        nint preference;
        _library.Check(_library.PreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
        try
        {
            var bytes = (ulong)_workspace.Bytes;
            _library.Check(_library.PreferenceSetAttribute(preference, CublasLtLibrary.MaxWorkspaceBytes, &bytes, sizeof(ulong)),
                "cublasLtMatmulPreferenceSetAttribute");
            // Algorithms that split K may keep the parts of a sum in the type of the result, bfloat16: those are not wanted.
            foreach (var (attribute, value) in (ReadOnlySpan<(int, uint)>)
                [(CublasLtLibrary.ReductionSchemeMask, CublasLtLibrary.ReduceInComputeType),
                 (CublasLtLibrary.MinAlignmentA, (uint)key.AlignmentB), (CublasLtLibrary.MinAlignmentB, (uint)key.AlignmentA),
                 (CublasLtLibrary.MinAlignmentC, (uint)key.AlignmentC), (CublasLtLibrary.MinAlignmentD, (uint)key.AlignmentC)])
            {
                var bits = value;
                _library.Check(_library.PreferenceSetAttribute(preference, attribute, &bits, sizeof(uint)),
                    "cublasLtMatmulPreferenceSetAttribute");
            }

            NativeHeuristic result;
            int count;
            var status = _library.GetHeuristic(_handle, plan.Description, plan.LayoutB, plan.LayoutA, plan.LayoutC,
                plan.LayoutC, preference, 1, &result, &count);
            const int notSupported = 15;
            _library.Check(status == 0 && count == 0 ? notSupported : status, $"cublasLtMatmulAlgoGetHeuristic({key.Shape})");
            return result.Algorithm;
        }
        finally
        {
            _ = _library.PreferenceDestroy(preference);
        }
    }

    private void Destroy(Plan plan)
    {
        if (plan.Description != 0) _ = _library.MatmulDescDestroy(plan.Description);
        foreach (var layout in (ReadOnlySpan<nint>)[plan.LayoutA, plan.LayoutB, plan.LayoutC])
        {
            if (layout != 0) _ = _library.MatrixLayoutDestroy(layout);
        }
    }

    private void Release()
    {
        var handle = Interlocked.Exchange(ref _handle, 0);
        if (handle == 0) return;
        foreach (var plan in _plans.Values) Destroy(plan);
        _plans.Clear();
        if (!_device.Context.IsLost && _device.Context.MakeCurrent() == 0) _ = _library.Destroy(handle);
    }

    private readonly record struct Key(MatmulShape Shape, int AlignmentA, int AlignmentB, int AlignmentC);

    private sealed class Plan
    {
        internal nint Description, LayoutA, LayoutB, LayoutC;
        internal NativeAlgorithm Algorithm;
    }
}
