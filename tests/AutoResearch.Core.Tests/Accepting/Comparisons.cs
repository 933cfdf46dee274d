namespace AutoResearch.Tests;

/// <summary>Comparisons made of numbers: what an acceptor would see in a loop.</summary>
internal static class Comparisons
{
    private static int s_next;

    public static Comparison Of(
        double[] baseline, double screen, double[]? confirm = null, double[]? controls = null,
        ResearchProblem? problem = null, NoiseEstimate? noise = null)
    {
        problem ??= Loops.Problem;
        var candidate = Candidate.Of(("x", 1));
        var trial = new Trial
        {
            Number = 1,
            Hypothesis = new() { ParentId = problem.Baseline.Id, Change = ParameterChange.Of(("x", 1)), Title = "x = 1" },
            Candidate = candidate,
            Runs = [Run(problem, candidate, RunPurpose.Screen, screen),
                .. (confirm ?? []).Select(c => Run(problem, candidate, RunPurpose.Confirm, c))],
        };
        Run[] controlRuns = [.. (controls ?? []).Select(c => Run(problem, problem.Baseline, RunPurpose.Control, c))];
        trial = trial with { Controls = controlRuns };
        Run[] baselineRuns = [.. baseline.Select(b => Run(problem, problem.Baseline, RunPurpose.Baseline, b))];
        var incumbent = new Incumbent
        {
            Candidate = problem.Baseline,
            Runs = [.. baselineRuns, .. controlRuns],
        };
        var state = new ResearchState(problem, incumbent, [trial], seed: 0) { BaselineRuns = baselineRuns };
        if (noise is not null)
            state = new ResearchState(problem, incumbent, [trial], seed: 0) { BaselineRuns = baselineRuns, Noise = noise };
        return new() { Problem = problem, Trial = trial, Incumbent = incumbent, State = state };
    }

    public static Run Run(ResearchProblem problem, Candidate candidate, RunPurpose purpose, double score) => new(
        new Experiment
        {
            Id = $"e{Interlocked.Increment(ref s_next)}",
            Candidate = candidate,
            Seed = 1,
            Budget = Budget.Unlimited,
            Purpose = purpose,
            Trial = purpose == RunPurpose.Baseline ? 0 : 1,
        },
        RunResult.Complete(new Dictionary<string, double> { [problem.Objective.Metric] = score }));
}
