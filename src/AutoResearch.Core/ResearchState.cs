namespace AutoResearch;

/// <summary>An immutable picture of a loop: the problem, the incumbent and everything that was tried. Thread-safe.</summary>
public sealed class ResearchState
{
    private NoiseEstimate? _noise;
    private IReadOnlyList<int>? _judged;

    /// <summary>Creates a state; loops do this, and tests of proposers and acceptors.</summary>
    public ResearchState(ResearchProblem problem, Incumbent incumbent, IReadOnlyList<Trial> trials, long seed)
    {
        Problem = problem ?? throw new ArgumentNullException(nameof(problem));
        Incumbent = incumbent ?? throw new ArgumentNullException(nameof(incumbent));
        Trials = trials ?? throw new ArgumentNullException(nameof(trials));
        Seed = seed;
    }

    /// <summary>The problem.</summary>
    public ResearchProblem Problem { get; }

    /// <summary>The candidate to beat.</summary>
    public Incumbent Incumbent { get; }

    /// <summary>Runs of the baseline, which trials do not contain.</summary>
    public IReadOnlyList<Run> BaselineRuns { get; init; } = [];

    /// <summary>
    /// The noise of the objective as all repeated runs show it. Loops keep it up to date; without one it is computed from
    /// the runs of this state.
    /// </summary>
    public NoiseEstimate Noise
    {
        get => _noise ??= NoiseEstimate.Of(this);
        init => _noise = value;
    }

    /// <summary>All trials in order of proposing; those without a verdict are still running.</summary>
    public IReadOnlyList<Trial> Trials { get; }

    /// <summary>
    /// The numbers of the trials with a verdict, in the order of their verdicts. Without one it is the order of proposing.
    /// </summary>
    public IReadOnlyList<int> Judged
    {
        get => _judged ??= [.. Trials.Where(t => !t.IsPending).Select(t => t.Number)];
        init => _judged = value;
    }

    /// <summary>
    /// All incumbents by version, where a loop made the state: they tell an acceptor which versions are earlier ones again.
    /// </summary>
    internal IReadOnlyList<Incumbent> Incumbents { get; init; } = [];

    /// <summary>The seed of the loop.</summary>
    public long Seed { get; }

    /// <summary>The number that the next trial gets.</summary>
    public int NextTrial => Trials.Count + 1;

    /// <summary>
    /// A generator that depends on the loop's seed, the number of the next trial and <paramref name="purpose"/> only, so
    /// that a resumed loop draws the same numbers.
    /// </summary>
    public Random CreateRandom(string purpose)
    {
        ArgumentNullException.ThrowIfNull(purpose);
        var hash = 14695981039346656037UL; // FNV-1a: stable between processes, unlike string.GetHashCode
        foreach (var c in FormattableString.Invariant($"{Seed}/{NextTrial}/{purpose}")) hash = (hash ^ c) * 1099511628211UL;
        return new Random((int)(hash ^ (hash >> 32)));
    }
}
