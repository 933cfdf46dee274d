namespace AutoResearch;

/// <summary>One of the minds of a <see cref="PortfolioProposer"/>.</summary>
/// <param name="Name">Unique in the portfolio; <see cref="Hypothesis.Proposer"/> bears it.</param>
/// <param name="Proposer">Who is asked.</param>
/// <param name="When">When asking makes sense, e.g. only after a failed run; null for always.</param>
public sealed record PortfolioMember(string Name, IHypothesisProposer Proposer, Func<ResearchState, bool>? When = null);
