namespace AutoResearch;

/// <summary>Turns a hypothesis into a candidate, or into the reason why there is nothing to run.</summary>
internal static class HypothesisCheck
{
    public static (Candidate? Candidate, string? Refusal) Resolve(ResearchHistory history, Hypothesis hypothesis)
    {
        if (history.FindCandidate(hypothesis.ParentId) is not { } parent)
            return (null, $"the parent '{hypothesis.ParentId}' is no candidate of this loop; use the incumbent's id, "
                + $"{history.State.Incumbent.Candidate.Id}");
        Candidate candidate;
        try
        {
            candidate = parent.Apply(hypothesis.Change);
        }
        catch (Exception e)
        {
            return (null, $"the change does not apply: {e.Message}");
        }
        if (new EditableSurface(history.Problem.Editable).Violation(parent.Source, candidate.Source) is { } violation)
            return (null, $"the change is not allowed: {violation}");
        return !hypothesis.AllowRepeat && history.FindTrial(candidate.Id) is { } earlier
            ? (null, earlier == 0
                ? "identical to the baseline; not run again"
                : $"identical to the candidate of trial {earlier}; not run again")
            : (candidate, null);
    }
}
