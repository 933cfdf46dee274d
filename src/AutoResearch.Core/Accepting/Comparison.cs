namespace AutoResearch;

/// <summary>The evidence of both arms, as an acceptor sees it.</summary>
public sealed record Comparison
{
    /// <summary>The problem with its objective and guards.</summary>
    public required ResearchProblem Problem { get; init; }

    /// <summary>The trial under judgement: hypothesis, candidate, and its runs so far, in order.</summary>
    public required Trial Trial { get; init; }

    /// <summary>
    /// The one to beat, with all its runs, including the controls asked for during this trial: the incumbent that the idea was
    /// proposed for. In a parallel loop it may have been replaced since; an accepted candidate is then merged with its
    /// successor and measured again.
    /// </summary>
    public required Incumbent Incumbent { get; init; }

    /// <summary>The whole history, for acceptors that learn the noise and the size of effects.</summary>
    public required ResearchState State { get; init; }
}
