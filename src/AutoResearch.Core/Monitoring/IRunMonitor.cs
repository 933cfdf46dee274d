namespace AutoResearch;

/// <summary>Watches runs while they cost money, through the measurements that every runner reports.</summary>
/// <remarks>
/// A monitor only says what it sees; what follows is decided by <see cref="InterventionPolicy"/>, within the rules of
/// docs/monitoring.md: only screening runs are ever stopped by a judgement of their quality. Must be thread-safe: a parallel loop
/// watches several runs at once.
/// </remarks>
public interface IRunMonitor
{
    /// <summary>Begins to watch a run, or begins afresh after the run went back to a checkpoint.</summary>
    /// <param name="run">What runs, and what it may be compared with.</param>
    /// <returns>Called with every measurement of the run, in order and one at a time; null when the run does
    /// not interest.</returns>
    RunWatch? Watch(MonitoredRun run);
}

/// <summary>Looks at the next measurement of one run; null when there is nothing to say.</summary>
/// <param name="measurement">The measurement; <see cref="Measurement.Progress"/> is filled in where the budget allows it.</param>
public delegate MonitorSignal? RunWatch(Measurement measurement);
