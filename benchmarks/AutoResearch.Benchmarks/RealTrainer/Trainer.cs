using AutoResearch.Kernels;
using AutoResearch.Pretraining;

namespace AutoResearch.Benchmarks.RealTrainer;

/// <summary>Runs training runs of one problem.</summary>
internal sealed class Trainer : IDisposable
{
    // Far from the seeds that a loop draws.
    private const long FirstFreshSeed = 1_000_000;

    private readonly ResearchProblem _problem;
    private readonly CpuBackend _backend;

    public Trainer(ResearchProblem problem, int threads)
    {
        _problem = problem;
        _backend = new(new() { Threads = threads });
        Runner = new(RealProblem.Data(), RealProblem.Setup, _backend);
    }

    public GptExperimentRunner Runner { get; }

    /// <summary>The score of one run; null when it failed.</summary>
    public async Task<double?> ScoreAsync(Candidate candidate, long seed)
    {
        var result = await Runner.RunAsync(
            new Experiment { Id = $"{candidate.Id}-{seed}", Candidate = candidate, Seed = seed, Budget = _problem.Budget });
        return result.Score(_problem.Objective);
    }

    /// <summary>Scores with fresh seeds, the same ones for every candidate.</summary>
    public async Task<double[]> ScoresAsync(Candidate candidate, int count)
    {
        var scores = new double[count];
        for (var i = 0; i < count; i++)
            scores[i] = await ScoreAsync(candidate, FirstFreshSeed + i)
                ?? throw new InvalidOperationException($"A run of {candidate.Parameters} failed.");
        return scores;
    }

    public void Dispose()
    {
        Runner.Dispose();
        _backend.Dispose();
    }
}
