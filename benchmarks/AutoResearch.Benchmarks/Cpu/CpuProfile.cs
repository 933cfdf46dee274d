using System.Diagnostics;
using System.Globalization;
using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>
/// Where the time of a training step goes: each operation alone, at the shapes of the step and as often as the step calls it,
/// beside the whole step of the same rounds. The sum may differ from the whole by what caches keep between operations.
/// </summary>
internal sealed class CpuProfile : IDisposable
{
    private const int Rounds = 5;
    private readonly CpuBackend _backend = new(new() { Threads = 2 });
    private readonly List<(string Name, int Count, double Flops, Action Run)> _parts = [];
    private readonly List<IDisposable> _owned = [];
    private readonly TrainingShape _shape;
    private ulong _stream;

    private CpuProfile(TrainingShape shape)
    {
        _shape = shape;
        AddLinears();
        AddAttention();
        AddNorms();
        AddEnds();
    }

    public static Task<int> RunAsync(string[] args)
    {
        var shapes = args.Contains("large") ? [CpuCases.Large] : args.Contains("small") ? (TrainingShape[])[CpuCases.Small]
            : [CpuCases.Small, CpuCases.Large];
        foreach (var shape in shapes)
        {
            using var profile = new CpuProfile(shape);
            profile.Print();
        }

        return Task.FromResult(0);
    }

    public void Dispose()
    {
        foreach (var part in _owned) part.Dispose();
        _backend.Dispose();
    }

    private void AddLinears()
    {
        var config = _shape.Config;
        var layers = config.Depth;
        AddLinear("queries, keys, values", layers, config.Dim, config.Dim + (2 * config.KvDim), Activation.None, false);
        AddLinear("attention's output", layers, config.Dim, config.Dim, Activation.None, true);
        AddLinear("MLP in", layers, config.Dim, config.MlpDim, Activation.ReluSquared, false);
        AddLinear("MLP out", layers, config.MlpDim, config.Dim, Activation.None, true);
    }

    private void AddLinear(string name, int count, int inputs, int outputs, Activation activation, bool residual)
    {
        Tensor x = New((_shape.Tokens, inputs)), w = New((outputs, inputs)), y = New((_shape.Tokens, outputs)),
            dw = New((outputs, inputs)), dx = New((_shape.Tokens, inputs));
        var added = residual ? New((_shape.Tokens, outputs)) : null;
        var flops = 2.0 * _shape.Tokens * inputs * outputs;

        // The gradient of the MLP's output also goes through its activation.
        var activated = inputs == _shape.Config.MlpDim ? New((_shape.Tokens, inputs)) : null;
        if (activated is not null) activated.CopyFrom(activated.ToArray().Select(v => v * v).ToArray());
        Add($"{name}, forward", count, flops, () => _backend.Linear(x, w, y, added, activation));
        Add($"{name}, backward", count, 2 * flops, () =>
        {
            _backend.LinearBackwardWeight(y, x, dw);
            _backend.LinearBackwardInput(y, w, dx, false, activated);
        });
    }

    private void AddAttention()
    {
        var config = _shape.Config;
        var layout = new AttentionLayout(_shape.Batch, config.SequenceLength, config.Heads, config.KvHeads, config.HeadDim);
        Tensor qkv = New((layout.Tokens, layout.Columns)), dqkv = New(qkv.Shape), y = New((layout.Tokens, layout.QueryColumns)),
            dy = New(y.Shape);
        Tensor logSumExp = New((layout.Batch, layout.Heads, layout.Sequence)),
            rotary = Own(_backend.CreateRotaryTable(layout.Sequence, layout.HeadDim));
        var inverse = New((layout.Tokens, layout.Heads + layout.KvHeads));
        foreach (var group in Enumerable.Range(0, config.Depth).GroupBy(config.WindowOf))
        {
            var window = group.Key >= layout.Sequence ? -1 : group.Key;
            var keys = Enumerable.Range(0, layout.Sequence).Sum(i => Math.Min(i, group.Key) + 1.0);
            var flops = 4.0 * layout.Batch * layout.Heads * layout.HeadDim * keys;
            var name = window < 0 ? "attention" : $"attention, window {window}";
            Add($"{name}, forward", group.Count(), flops, () => _backend.Attention(qkv, y, logSumExp, layout, window));
            Add($"{name}, backward", group.Count(), 2.5 * flops,
                () => _backend.AttentionBackward(qkv, y, logSumExp, dy, dqkv, layout, window));
        }

        var rotated = New(qkv.Shape);
        Add("rotary and norm, both ways", config.Depth, 0, () =>
        {
            _backend.RotaryNorm(rotated, rotary, inverse, layout);
            _backend.RotaryNormBackward(dqkv, rotated, rotary, inverse, layout);
        });
        Tensor table = Own(_backend.Parameter((config.VocabularySize, config.KvDim))),
            gateWeight = Own(_backend.Parameter((config.KvHeads, config.GateChannels)));
        Tensor x = New((layout.Tokens, config.Dim)), dx = New(x.Shape), gate = New((layout.Tokens, layout.KvHeads)),
            tokens = Tokens();
        Add("value embeddings, both ways", Enumerable.Range(0, config.Depth).Count(config.HasValueEmbedding), 0, () =>
        {
            _backend.ValueEmbedding(qkv, x, table, gateWeight, tokens, gate, layout);
            _backend.ValueEmbeddingBackward(dqkv, x, table, gateWeight, tokens, gate, dx, layout);
        });
    }

    private void AddNorms()
    {
        var config = _shape.Config;
        Tensor x = New((_shape.Tokens, config.Dim)), x0 = New(x.Shape), mixed = New(x.Shape), normed = New(x.Shape),
            dx = New(x.Shape), dx0 = New(x.Shape);
        Tensor inverse = New(_shape.Tokens), a = Own(_backend.Parameter(config.Depth)), b = Own(_backend.Parameter(config.Depth));
        a.Fill(1);
        b.Fill(0.1f);
        Add("mix and norm, both ways", config.Depth, 0, () =>
        {
            _backend.MixNorm(x, x0, a, b, 0, mixed, normed, inverse);
            _backend.MixNormBackward(mixed, normed, normed, inverse, x, x0, a, b, 0, dx, false, dx0, true);
        });
        Add("norm, both ways", config.Depth + 1, 0, () =>
        {
            _backend.RmsNorm(x, normed, inverse);
            _backend.RmsNormBackward(mixed, normed, inverse, dx, true);
        });
    }

    private void AddEnds()
    {
        var loss = Own(new CrossEntropyWork(_shape.Tokens, _shape.Dim, _shape.Vocabulary, 2));
        Add("output layer and loss, both ways", 1, 6.0 * _shape.Tokens * _shape.Dim * _shape.Vocabulary, loss.Run);
        var optimizer = Own(new OptimizerWork(_shape, 2));
        optimizer.Prepare();
        Add("Muon and AdamW", 1, _shape.MuonFlops, optimizer.Run);
        var step = Own(new TrainingWork(_shape, 2));
        Add("the whole step", 1, _shape.ModelFlops + _shape.MuonFlops, step.Run);
    }

    private void Print()
    {
        var (times, peaks) = (_parts.Select(_ => new List<double>()).ToArray(), new List<double>());
        for (var round = -1; round < Rounds; round++)
        {
            for (var i = 0; i < _parts.Count; i++)
            {
                if (i % 4 == 0) peaks.Add(1 / new PeakWork(2).Measure(0.02));
                var start = Stopwatch.GetTimestamp();
                _parts[i].Run();
                if (round >= 0) times[i].Add(1e3 * Stopwatch.GetElapsedTime(start).TotalSeconds); // the first round warms up
            }
        }

        var peak = RoundStatistics.Quantile([.. peaks], 0.5);
        var medians = times.Select(t => RoundStatistics.Quantile([.. t], 0.5)).ToArray();
        var whole = medians[^1];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"\ndepth {_shape.Depth}, dim {_shape.Dim}, 2 threads; peak {peak:F0} GFLOP/s\n"
            + $"\n| operation | calls | ms a step | of the step | GFLOP/s | of peak |\n|---|---|---|---|---|---|"));
        var sum = 0.0;
        for (var i = 0; i < _parts.Count; i++)
        {
            var (name, count, flops, _) = _parts[i];
            var (time, rate) = (medians[i] * count, flops / medians[i] / 1e6);
            if (i < _parts.Count - 1) sum += time;
            else Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| sum | | {sum:F1} | {sum / whole:P0} | | |"));
            var rates = flops > 0 ? string.Create(CultureInfo.InvariantCulture, $"{rate:F0} | {rate / peak:P0}") : " | ";
            Console.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"| {name} | {count} | {time:F1} | {time / whole:P0} | {rates} |"));
        }
    }

    private void Add(string name, int count, double flops, Action run) => _parts.Add((name, count, flops, run));

    private Tensor New(Shape shape)
    {
        var tensor = Own(_backend.Allocate(shape));
        ParameterInitializer.Normal(tensor, 1, 1, _stream++);
        return tensor;
    }

    private Tensor Tokens()
    {
        var tokens = Own(_backend.Allocate(_shape.Tokens, DType.Int32));
        var random = new Random(1);
        tokens.CopyFrom(Enumerable.Range(0, _shape.Tokens).Select(_ => random.Next(_shape.Vocabulary)).ToArray());
        return tokens;
    }

    private T Own<T>(T part) where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }
}
