namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>The operations as functions of parameters, for <see cref="GpuCase"/>.</summary>
internal static class Operations
{
    internal static GpuCase RmsNorm(int rows, int columns) => new(
        [(rows, columns)],
        (tape, p) =>
        {
            var x = tape.ToActivation(p[0]);
            return tape.Linear(tape.RmsNorm(x), Unit(tape, columns), x); // x is used twice: its gradient accumulates
        });

    internal static GpuCase MixNorm(int rows, int columns, bool same) => new(
        [(rows, columns), (rows, columns), 3, 3],
        (tape, p) =>
        {
            var x = tape.ToActivation(p[0]);
            var x0 = same ? x : tape.ToActivation(p[1]);
            var (mixed, normed) = tape.MixNorm(x, x0, p[2], p[3], 1);
            return tape.Linear(normed, Unit(tape, columns), mixed);
        });

    internal static GpuCase Embedding(int vocabulary, int columns, int count, bool normalize, int mostOften = 0) => new(
        [(vocabulary, columns)],
        (tape, p) => tape.Embedding(p[0], tape.Input(Tokens(count, vocabulary, mostOften), count), normalize));

    internal static GpuCase Linear(int rows, int inputs, int outputs, bool residual) => new(
        [(rows, inputs), (outputs, inputs), (rows, outputs)],
        (tape, p) => tape.Linear(tape.ToActivation(p[0]), p[1], residual ? tape.ToActivation(p[2]) : null));

    internal static GpuCase Mlp(int rows, int columns, int hidden) => new(
        [(rows, columns), (hidden, columns), (columns, hidden)],
        (tape, p) =>
        {
            var x = tape.ToActivation(p[0]);
            return tape.Mlp(x, p[1], p[2], x);
        }, Scale: 0.4f);

    internal static GpuCase CrossEntropy(
        int rows, int columns, int vocabulary, float softcap, float scale = 1, bool ignoreAll = false) =>
        new([(rows, columns), (vocabulary, columns)], (tape, p) =>
        {
            var targets = Tokens(rows, vocabulary, 0);
            if (rows > 1) targets[rows / 2] = Backend.IgnoreIndex;
            if (ignoreAll) Array.Fill(targets, Backend.IgnoreIndex);
            return tape.CrossEntropy(tape.ToActivation(p[0]), p[1], tape.Input(targets, rows), softcap, 0.5f);
        }, Scale: scale);

    internal static GpuCase Qkv(
        AttentionLayout layout, int channels, int gateChannels, bool rotary, bool values, int vocabulary = 11) =>
        new([(layout.Tokens, channels), (layout.Columns, channels), (vocabulary, layout.KvColumns),
            (layout.KvHeads, gateChannels)],
            (tape, p) =>
            {
                var x = tape.ToActivation(p[0]);
                var tokens = tape.Input(Tokens(layout.Tokens, vocabulary, 0), layout.Tokens);
                var qkv = values ? tape.QkvProjection(x, p[1], layout, p[2], p[3], tokens) : tape.QkvProjection(x, p[1], layout);
                if (!rotary) return qkv;
                using var table = tape.Backend.CreateRotaryTable(layout.Sequence + 3, layout.HeadDim);
                var copy = tape.Allocate(table.Shape);
                copy.CopyFrom(table.ToArray());
                return tape.RotaryNorm(qkv, copy, layout);
            }, Scale: 0.5f);

    internal static GpuCase Attention(AttentionLayout layout, int window, bool documents = false, int channels = 16) => new(
        [(layout.Tokens, channels), (layout.Columns, channels)],
        (tape, p) =>
        {
            var starts = documents ? tape.Input(RandomDocuments.Starts(layout, layout.Tokens), layout.Tokens) : null;
            return tape.Attention(tape.QkvProjection(tape.ToActivation(p[0]), p[1], layout), layout, window, starts);
        }, Scale: 0.5f);

    /// <summary>Token ids; the first <paramref name="mostOften"/> are all the same.</summary>
    internal static int[] Tokens(int count, int vocabulary, int mostOften)
    {
        var random = new Random(count + vocabulary);
        return [.. Enumerable.Range(0, count).Select(i => i < mostOften ? vocabulary / 2 : random.Next(vocabulary))
            .OrderBy(_ => random.Next())];
    }

    // 2 · identity as a fixed weight.
    private static Tensor Unit(Tape tape, int columns)
    {
        var weight = tape.Allocate((columns, columns));
        var values = new float[columns * columns];
        for (var i = 0; i < columns; i++) values[i * (columns + 1)] = 2;
        weight.CopyFrom(values);
        return weight;
    }
}
