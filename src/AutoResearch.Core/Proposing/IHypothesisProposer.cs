namespace AutoResearch;

/// <summary>Says what to try next: a search algorithm, a language model, a person, or several of them.</summary>
/// <remarks>
/// A proposer should depend on nothing but its arguments: <see cref="ResearchState.Trials"/> is the whole history,
/// trials without a verdict are still running, and <see cref="ResearchState.CreateRandom"/> gives the randomness for this
/// proposal. A resumed loop then makes the same proposals. Caches are fine as long as they can be rebuilt from the state.
/// The loop never calls one proposer concurrently.
/// </remarks>
public interface IHypothesisProposer
{
    /// <summary>Proposes one hypothesis.</summary>
    /// <param name="state">Problem, incumbent and history.</param>
    /// <param name="cancellationToken">Stops proposing.</param>
    /// <returns>A hypothesis, or null when there is nothing left to try, which ends the loop.</returns>
    ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default);
}
