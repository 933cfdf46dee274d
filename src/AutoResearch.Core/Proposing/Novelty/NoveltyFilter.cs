using System.Globalization;
using Microsoft.Extensions.AI;

namespace AutoResearch;

/// <summary>
/// Tells a new idea from one that was tried: identical candidates, changes that no compiler sees, and the same or nearly the same
/// change of the same parent are refused; the same change of another parent is allowed, and marked. What it remembers between
/// calls follows from the state.
/// </summary>
internal sealed class NoveltyFilter(NoveltyOptions? options)
{
    private readonly Dictionary<int, PatchText> _patches = [];
    private readonly Dictionary<int, (string Text, float[] Vector)> _vectors = [];

    /// <summary>
    /// The sentence that refuses the idea, or null; the trial whose idea it repeats on a new parent; what asking cost.
    /// </summary>
    public async ValueTask<(string? Refusal, int? RetryOf, long Tokens)> CheckAsync(
        ResearchState state, Hypothesis hypothesis, CancellationToken cancellationToken)
    {
        var parent = state.Incumbent.Candidate;
        var candidate = hypothesis.Change.ApplyTo(parent);
        if (candidate.Id == parent.Id) return ("it changes nothing", null, 0);
        if (state.Trials.FirstOrDefault(t => t.Candidate?.Id == candidate.Id) is { } same)
            return (FormattableString.Invariant($"it gives exactly the candidate of trial {same.Number}"), null, 0);
        if (candidate.Id == state.Problem.Baseline.Id) return ("it gives exactly the baseline", null, 0);
        if (candidate.Parameters.Equals(parent.Parameters) && NormalizedSource.Same(candidate.Source, parent.Source))
            return ("it changes comments and blanks only, so the program stays the same", null, 0);
        if (options is null) return (null, null, 0);

        var patch = PatchText.Between(parent, candidate);
        int? retryOf = null;
        foreach (var trial in state.Trials.Reverse())
        {
            if (PatchOf(trial, state) is not { } earlier
                || (patch.Text != earlier.Text && patch.Similarity(earlier) < options.Similarity))
                continue;
            if (trial.Hypothesis.ParentId == parent.Id) return (Same(trial, "nearly the same change"), null, 0);
            retryOf ??= trial.Number;
        }

        // An idea is never lost because the vectors cannot be had.
        var (meant, tokens) = options.Embeddings is { } generator && retryOf is null
            ? await NearestAsync(generator, state, hypothesis, patch, cancellationToken).ConfigureAwait(false)
            : (null, 0);
        return meant is null ? (null, retryOf, tokens)
            : meant.Hypothesis.ParentId == parent.Id ? (Same(meant, "the same idea in other words"), null, tokens)
            : (null, meant.Number, tokens);
    }

    private static string Same(Trial trial, string what) =>
        string.Create(CultureInfo.InvariantCulture,
            $"it is {what} as in trial {trial.Number}, \"{trial.Hypothesis.Title}\", on the same parent");

    private PatchText? PatchOf(Trial trial, ResearchState state)
    {
        if (trial.Candidate is null) return null;
        if (_patches.TryGetValue(trial.Number, out var patch)) return patch;
        return PatchText.Find(trial.Hypothesis.ParentId, state) is { } parent
            ? _patches[trial.Number] = PatchText.Between(parent, trial.Candidate)
            : null;
    }

    private async ValueTask<(Trial? Trial, long Tokens)> NearestAsync(IEmbeddingGenerator<string, Embedding<float>> generator,
        ResearchState state, Hypothesis hypothesis, PatchText patch, CancellationToken cancellationToken)
    {
        var known = state.Trials.Where(t => PatchOf(t, state) is not null).ToArray();
        var missing = known.Where(t => !_vectors.TryGetValue(t.Number, out var v) || v.Text != Text(t.Hypothesis)).ToArray();
        GeneratedEmbeddings<Embedding<float>> made;
        try
        {
            made = await generator.GenerateAsync([Text(hypothesis), .. missing.Select(t => Text(t.Hypothesis))],
                cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, 0);
        }

        for (var i = 0; i < missing.Length; i++)
            _vectors[missing[i].Number] = (Text(missing[i].Hypothesis), made[i + 1].Vector.ToArray());
        var vector = made[0].Vector.ToArray();
        var nearest = known.Where(t => PatchOf(t, state)!.HasNumbersOf(patch))
            .Select(t => (Trial: t, Cosine: Cosine(vector, _vectors[t.Number].Vector)))
            .Where(t => t.Cosine >= options!.EmbeddingSimilarity).OrderByDescending(t => t.Cosine).FirstOrDefault();
        return (nearest.Trial, made.Usage?.InputTokenCount ?? 0);
    }

    private static string Text(Hypothesis hypothesis) => $"{hypothesis.Title}\n{hypothesis.Rationale}";

    private static double Cosine(float[] a, float[] b)
    {
        var (dot, aa, bb) = (0.0, 0.0, 0.0);
        for (var i = 0; i < Math.Min(a.Length, b.Length); i++)
            (dot, aa, bb) = (dot + (a[i] * b[i]), aa + (a[i] * a[i]), bb + (b[i] * b[i]));
        return aa > 0 && bb > 0 ? dot / Math.Sqrt(aa * bb) : 0;
    }
}
