namespace AutoResearch;

/// <summary>The claims of a loop about its kept changes, tested by fresh runs after the search.</summary>
/// <param name="Claims">One for each kept change, in the order of keeping.</param>
/// <param name="ErrorRate">The expected share of false ones among the confirmed is at most this.</param>
public sealed record ClaimSet(IReadOnlyList<Claim> Claims, double ErrorRate)
{
    /// <summary>The confirmed ones.</summary>
    public IEnumerable<Claim> Confirmed => Claims.Where(c => c.Status == ClaimStatus.Confirmed);
}
