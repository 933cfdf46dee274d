namespace AutoResearch.Kernels;

/// <summary>
/// A step as a CUDA graph. Every call of the step writes down what it would issue; where that is what the graph holds, only the
/// values from the host are copied and the graph is launched, otherwise the list is captured as a new graph. So a replay can
/// never use an address or a setting of another step.
/// </summary>
internal sealed class CudaStepGraph(CudaBackend backend) : StepGraph
{
    private CudaCommands _recorded = new(), _captured = new();
    private CudaGraph? _graph;
    private PinnedBuffer? _uploads;
    private CudaBuffer? _tables;

    /// <summary>How often a graph was captured.</summary>
    internal int Captures { get; private set; }

    /// <summary>Operations of the graph.</summary>
    internal int Operations => _captured.Count;

    public override void Run(Action step)
    {
        ArgumentNullException.ThrowIfNull(step);
        _recorded.Clear();
        _tables ??= new CudaBuffer(backend.Device, CudaBackend.TableBytes);
        backend.Record(_recorded, _tables.Address, step);
        if (_recorded.Count == 0) return;
        var known = _graph is not null && _recorded.Same(_captured);
        if (known) Replays++;
        else Capture();
        backend.WaitForUploads(); // the last launch may still be reading the page-locked memory
        _recorded.Uploads.CopyTo(_uploads!.Span);
        _graph!.Launch(backend.Stream);
        backend.MarkUploads();
        if (!known) (_captured, _recorded) = (_recorded, _captured);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            if (_graph is not null && !backend.Device.IsUnusable) backend.WaitForUploads();
            _graph?.Dispose();
            _uploads?.Dispose();
            _tables?.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Capture()
    {
        backend.Synchronize(); // the graph that goes may still be running
        _graph?.Dispose();
        _graph = null;
        if (_uploads is null || _uploads.Bytes < _recorded.UploadBytes)
        {
            _uploads?.Dispose();
            _uploads = new PinnedBuffer(backend.Device, Math.Max(64, _recorded.UploadBytes));
        }

        _graph = CudaGraph.Capture(backend.Stream, () => _recorded.Issue(backend.Stream, _uploads.Address));
        Captures++;
    }
}
