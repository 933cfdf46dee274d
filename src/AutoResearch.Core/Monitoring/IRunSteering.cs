namespace AutoResearch;

/// <summary>
/// The way back from monitors to a run: the progress that a loop hands to its runner. A runner that can act looks whether
/// its progress is one, says what it can do, and asks after every report.
/// </summary>
public interface IRunSteering : IProgress<Measurement>
{
    /// <summary>Says what the runner can do in this run; without it, every action ends the run.</summary>
    void Offer(RunAbilities abilities);

    /// <summary>
    /// The action that is to be taken now, once; null for none. Taking it records it, so take it only to do it.
    /// </summary>
    RunAction? Take();
}
