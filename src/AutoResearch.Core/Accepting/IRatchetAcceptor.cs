namespace AutoResearch;

/// <summary>Judges whether a candidate replaces the incumbent.</summary>
/// <remarks>
/// A verdict must depend on nothing but the comparison, so that it can be replayed from the journal. The loop asks again
/// after every run that a <see cref="NeedMore"/> brought.
/// </remarks>
public interface IRatchetAcceptor
{
    /// <summary>Judges a comparison. At least one run of the candidate has ended, whatever its outcome.</summary>
    ValueTask<Verdict> JudgeAsync(Comparison comparison, CancellationToken cancellationToken = default);
}
