using AutoResearch.Kernels;

namespace AutoResearch.Samples.TuneKernels;

/// <summary>
/// One experiment: check the kernels with a candidate's settings, then time them against the defaults. The score is relative to
/// the defaults of the same rounds, so it does not drift with the machine.
/// </summary>
internal sealed class TuningRunner(TuningSpace space, DuelSetup setup) : IExperimentRunner
{
    public const string Metric = "relative_time";
    private const int Rounds = 21;
    private readonly Correctness _correctness = new();

    public Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default) =>
        Task.Run(() => Measure(experiment.Candidate.Parameters, cancellationToken), cancellationToken);

    private RunResult Measure(ParameterSet parameters, CancellationToken cancellationToken)
    {
        CpuTuning tuning;
        try
        {
            tuning = space.ToTuning(parameters);
        }
        catch (ArgumentException e)
        {
            return RunResult.Failure(RunOutcome.Invalid, e.Message);
        }

        using (var backend = new CpuBackend(new() { Threads = setup.Threads, Tuning = tuning }))
        {
            var error = _correctness.Difference(backend);
            if (!(error <= Correctness.Tolerance))
                return RunResult.Failure(RunOutcome.Invalid,
                    FormattableString.Invariant($"the results differ from the definition by {error:G3}"));
        }

        using var duel = new Duel(tuning, space.Defaults, setup);
        duel.Run(Rounds, cancellationToken);
        return RunResult.Complete(new Dictionary<string, double> { [Metric] = duel.Overall.Median });
    }
}
