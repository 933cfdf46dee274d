namespace AutoResearch;

/// <summary>Decides what is done about the signals of monitors. Must depend on its arguments only. Thread-safe.</summary>
public abstract class InterventionPolicy
{
    /// <summary>Every signal ends the run. The default.</summary>
    public static InterventionPolicy Stop { get; } = new StopPolicy();

    /// <summary>
    /// A run that diverges or becomes unstable goes back to its last good checkpoint and on with lower learning rates, as large
    /// trainings are nursed by hand (Chowdhery et al. 2022, "PaLM", 5.1: restart before the spike and skip the data around it).
    /// Where the runner cannot, and for every other signal, the run is ended.
    /// </summary>
    /// <param name="maxRecoveries">How often in one run, at least 1; then it is ended.</param>
    /// <param name="learningRateFactor">What the learning rates are multiplied by each time, between 0 and 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value makes no sense.</exception>
    public static InterventionPolicy Recover(int maxRecoveries = 2, double learningRateFactor = 0.5) =>
        new RecoverPolicy(maxRecoveries, learningRateFactor);

    /// <summary>What is to be done.</summary>
    /// <param name="signal">What a monitor has seen.</param>
    /// <param name="run">The run.</param>
    /// <param name="abilities">What the runner can do; an action beyond them ends the run.</param>
    /// <param name="earlier">What was done in this run before.</param>
    public abstract RunAction Decide(
        MonitorSignal signal, MonitoredRun run, RunAbilities abilities, IReadOnlyList<Intervention> earlier);

    private sealed class StopPolicy : InterventionPolicy
    {
        public override RunAction Decide(
            MonitorSignal signal, MonitoredRun run, RunAbilities abilities, IReadOnlyList<Intervention> earlier) =>
            RunAction.Stop;
    }

    private sealed class RecoverPolicy : InterventionPolicy
    {
        private readonly int _max;
        private readonly double _factor;

        public RecoverPolicy(int max, double factor)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(max, 1, "maxRecoveries");
            (_max, _factor) = (max, RunAction.RollBack(factor).LearningRateFactor);
        }

        public override RunAction Decide(
            MonitorSignal signal, MonitoredRun run, RunAbilities abilities, IReadOnlyList<Intervention> earlier)
        {
            ArgumentNullException.ThrowIfNull(signal);
            ArgumentNullException.ThrowIfNull(earlier);
            if (signal.Kind is not (MonitorSignalKind.Diverged or MonitorSignalKind.Unstable) || earlier.Count >= _max)
                return RunAction.Stop;
            if (abilities.HasFlag(RunAbilities.RollBack)) return RunAction.RollBack(_factor);
            return signal.Kind == MonitorSignalKind.Unstable && abilities.HasFlag(RunAbilities.LowerLearningRate) && _factor < 1
                ? RunAction.LowerLearningRate(_factor)
                : RunAction.Stop; // lower rates bring no NaN back
        }
    }
}
