namespace AutoResearch.Kernels;

/// <summary>How a kernel is launched.</summary>
/// <param name="Grid">Number of blocks; an extent of 0 is refused.</param>
/// <param name="Block">Threads of a block, at most 1024 in all.</param>
/// <param name="SharedBytes">
/// Dynamic shared memory of a block, in bytes. Above 48 KiB the function's <see cref="CudaFunction.MaxDynamicSharedBytes"/>
/// must be raised first.
/// </param>
/// <param name="Cluster">Blocks of a thread-block cluster (sm_90 and newer), or default for none.</param>
public readonly record struct CudaLaunch(Dim3 Grid, Dim3 Block, int SharedBytes = 0, Dim3 Cluster = default)
{
    /// <summary>All blocks run at once and may synchronise with each other; the grid must fit on the GPU.</summary>
    public bool Cooperative { get; init; }

    /// <summary>
    /// The kernel may start before the one ahead of it in the stream has ended (sm_90 and newer). The kernel must wait with
    /// <c>griddepcontrol.wait</c> before it reads what that one wrote.
    /// </summary>
    public bool OverlapsPrevious { get; init; }
}
