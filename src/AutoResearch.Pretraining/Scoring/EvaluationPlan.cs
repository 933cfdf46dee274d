namespace AutoResearch.Pretraining;

/// <summary>
/// What a candidate is asked, in which company and order: every row once for the score, some again, some with another
/// continuation, shuffled by a secret generator so that nothing shows which is which. The score depends on none of that.
/// </summary>
internal sealed class EvaluationPlan
{
    private const int LeastTwins = 64;
    private readonly IReadOnlyList<ValidationSet> _sets;
    private readonly SuffixPool _pool;

    private EvaluationPlan(IReadOnlyList<ValidationSet> sets, SuffixPool pool, EvaluationItem[][] questions) =>
        (_sets, _pool, Questions) = (sets, pool, questions);

    /// <summary>Questions in order, all with the same number of rows.</summary>
    public EvaluationItem[][] Questions { get; }

    public static EvaluationPlan Create(
        IReadOnlyList<ValidationSet> sets, SuffixPool pool, int rows, double causalityShare, Func<int, int> below)
    {
        var scored = Enumerable.Range(0, sets.Count)
            .SelectMany(s => Enumerable.Range(0, sets[s].Rows).Select(r => new EvaluationItem(ItemKind.Score, s, r))).ToList();
        var items = new List<EvaluationItem>(scored);
        items.AddRange(Twins(sets, scored, pool, causalityShare, below));
        Shuffle(items, below);
        // The first answers commit the candidate: each of their rows is asked again later, so that weights that
        // go on changing show.
        var first = items.Take(rows).ToList();
        var rest = items.Skip(rows).ToList();
        rest.AddRange(first.Where(i => i.Kind == ItemKind.Score).Select(i => i with { Kind = ItemKind.Repeat }));
        for (var i = 0; i < scored.Count / 16; i++) rest.Add(Again());
        while (first.Count < rows) first.Add(Again());
        while (rest.Count == 0 || rest.Count % rows != 0) rest.Add(Again());
        Shuffle(rest, below);
        return new(sets, pool, [[.. first], .. rest.Chunk(rows)]);

        EvaluationItem Again() => scored[below(scored.Count)] with { Kind = ItemKind.Repeat };
    }

    /// <summary>Writes the tokens of an item.</summary>
    public void Fill(EvaluationItem item, Span<int> tokens)
    {
        var set = _sets[item.Set];
        set.Inputs.Slice(item.Row * set.SequenceLength, set.SequenceLength).CopyTo(tokens);
        if (item.Kind == ItemKind.Twin) _pool.From(item.Start, tokens.Length - item.Cut - 1).CopyTo(tokens[(item.Cut + 1)..]);
    }

    /// <summary>The token that follows a twin's cut, and how likely it was to be drawn.</summary>
    public (int Token, double Probability) Continuation(EvaluationItem twin) =>
        (_pool.From(twin.Start, 1)[0], _pool.FirstProbability(twin.Start));

    private static IEnumerable<EvaluationItem> Twins(
        IReadOnlyList<ValidationSet> sets, List<EvaluationItem> scored, SuffixPool pool, double share, Func<int, int> below)
    {
        if (share == 0) yield break;
        var rows = new List<EvaluationItem>(scored);
        Shuffle(rows, below);
        // A short text gets several twins a row: few lots would not tell.
        for (var i = 0; i < Math.Max((int)Math.Ceiling(share * rows.Count), LeastTwins); i++)
        {
            var item = rows[i % rows.Count];
            var set = sets[item.Set];
            var targets = set.Targets.Slice(item.Row * set.SequenceLength, set.SequenceLength - 1);
            var cuts = new List<int>();
            for (var position = 0; position < targets.Length; position++)
                if (targets[position] != ValidationSet.NoTarget) cuts.Add(position);
            if (cuts.Count > 0)
                yield return item with { Kind = ItemKind.Twin, Cut = cuts[below(cuts.Count)], Start = pool.Draw(below) };
        }
    }

    private static void Shuffle(List<EvaluationItem> items, Func<int, int> below)
    {
        for (var i = items.Count - 1; i > 0; i--)
        {
            var j = below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
