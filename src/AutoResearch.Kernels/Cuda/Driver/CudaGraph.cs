namespace AutoResearch.Kernels;

/// <summary>
/// A recorded sequence of work, launched as a whole: a training step costs one call instead of hundreds. Addresses and arguments
/// are frozen at capture; all memory that the recorded work uses must stay allocated as long as the graph.
/// </summary>
public sealed unsafe class CudaGraph : CudaResource
{
    // Relaxed: an allocation in the course of the capture is allowed. Nothing of the library depends on its order in the stream.
    private const int Relaxed = 2;

    private CudaGraph(CudaDevice device, nint executable, long nodes) : base(device)
    {
        NodeCount = nodes;
        Own(executable);
    }

    /// <summary>Number of recorded operations.</summary>
    public long NodeCount { get; private set; }

    /// <summary>Records what <paramref name="work"/> puts into a stream, without running it.</summary>
    /// <param name="stream">The stream; what other streams are given is recorded if they wait for events of this one and
    /// it for theirs.</param>
    /// <param name="work">Issues the work. It must not wait for the GPU or copy to the host.</param>
    /// <returns>The graph.</returns>
    /// <exception cref="InvalidOperationException">The stream is being captured already, or nothing was recorded.</exception>
    /// <exception cref="CudaException">The work did something that cannot be recorded.</exception>
    public static CudaGraph Capture(CudaStream stream, Action work)
    {
        var graph = Record(stream, work, out var nodes);
        var device = stream.Device;
        nint executable;
        var status = device.Driver.GraphInstantiate(&executable, graph, 0);
        _ = device.Driver.GraphDestroy(graph);
        device.Check(status, "cuGraphInstantiateWithFlags");
        return new(device, executable, nodes);
    }

    /// <summary>Puts the recorded work into a stream.</summary>
    /// <param name="stream">The stream.</param>
    public void Launch(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Device.MakeCurrent();
        Device.LastKernel = "a captured graph";
        Device.Check(Device.Driver.GraphLaunch(Handle, stream.Handle), "cuGraphLaunch");
        if (Device.Options.SynchronizeLaunches) stream.Synchronize();
    }

    /// <summary>
    /// Records anew and takes over the changed arguments. As fast as possible when the operations are the same ones in the same
    /// order; otherwise the graph is built again.
    /// </summary>
    /// <param name="stream">The stream to record.</param>
    /// <param name="work">Issues the work.</param>
    /// <returns>True when only arguments changed; false when the graph was built again.</returns>
    public bool Update(CudaStream stream, Action work)
    {
        var executable = Handle;
        var graph = Record(stream, work, out var nodes);
        try
        {
            NativeGraphUpdate result;
            var status = Device.Driver.GraphExecUpdate(executable, graph, &result);
            NodeCount = nodes;
            if (status == 0) return true;
            if (status != CudaErrors.GraphUpdateFailure) Device.Check(status, "cuGraphExecUpdate");
            nint rebuilt;
            Device.Check(Device.Driver.GraphInstantiate(&rebuilt, graph, 0), "cuGraphInstantiateWithFlags");
            _ = Device.Driver.GraphExecDestroy(Replace(rebuilt));
            return false;
        }
        finally
        {
            _ = Device.Driver.GraphDestroy(graph);
        }
    }

    private protected override void Destroy(CudaDriver driver, nint handle) => _ = driver.GraphExecDestroy(handle);

    private static nint Record(CudaStream stream, Action work, out long nodes)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(work);
        var (device, driver) = (stream.Device, stream.Device.Driver);
        if (stream.IsCapturing) throw new InvalidOperationException("The stream is being captured already.");
        device.Check(driver.StreamBeginCapture(stream.Handle, Relaxed), "cuStreamBeginCapture");
        nint graph = 0;
        try
        {
            work();
        }
        catch
        {
            // Ends the capture, so that the stream can be used again. The first error is the one that tells.
            if (driver.StreamEndCapture(stream.Handle, &graph) == 0 && graph != 0) _ = driver.GraphDestroy(graph);
            throw;
        }

        device.Check(driver.StreamEndCapture(stream.Handle, &graph), "cuStreamEndCapture");
        nuint count = 0;
        var status = graph == 0 ? 0 : driver.GraphGetNodes(graph, null, &count);
        if (status != 0 || count == 0)
        {
            if (graph != 0) _ = driver.GraphDestroy(graph);
            device.Check(status, "cuGraphGetNodes");
            throw new InvalidOperationException("Nothing was recorded: the work went into another stream, or there was none.");
        }

        nodes = (long)count;
        return graph;
    }
}
