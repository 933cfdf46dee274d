#:project ../../src/AutoResearch.Pretraining/AutoResearch.Pretraining.csproj

// GPT pretraining on one CPU, after karpathy's autoresearch and nanochat. This is the one file the researcher edits:
// architecture, optimizer, batch size, schedule, everything. Text, clock and metric belong to the host that starts this
// program, see program.md.
using AutoResearch.Kernels;
using AutoResearch.Pretraining;

using var session = TrainingSession.Open();
using var backend = new CpuBackend();
using var model = new Gpt(backend, session.VocabularySize, session.SequenceLength, session.Seed);
using var optimizer = new Optimizer(model);
using var tape = new Tape(backend);
Console.WriteLine($"parameters: {model.Parameters.Sum(p => p.ElementCount) / 1e6:F2} M, "
    + $"vocabulary {session.VocabularySize}, sequence {session.SequenceLength}");

// What is compiled on first use is compiled here, before the clock starts: one step on an empty batch that changes no weight.
var empty = new int[Config.Rows * session.SequenceLength];
tape.Backward(model.Loss(tape, empty, empty));
optimizer.ClearGradients();
session.PrepareEvaluation(rows: 16, (tokens, logits) => model.Logits(tape, tokens).CopyTo(logits));

var smooth = 0.0;
foreach (var batch in session.Batches(Config.Rows))
{
    tape.Reset();
    var loss = model.Loss(tape, batch.Inputs, batch.Targets);
    tape.Backward(loss);
    optimizer.Step(batch.Step, batch.Progress);
    batch.Loss = loss.Item();
    if (!(batch.Loss < 20))
    {
        Console.WriteLine($"the loss is {batch.Loss} at step {batch.Step}\nFAIL");
        return 1;
    }

    smooth = (0.9 * smooth) + (0.1 * batch.Loss);
    if (batch.Step % 50 == 0)
        Console.WriteLine(
            $"step {batch.Step:D5} ({batch.Progress:P0}) | loss: {smooth / (1 - Math.Pow(0.9, batch.Step + 1)):F4}");
}

session.Evaluate();
return 0;

// Hyper-parameters. Rates are autoresearch's, scaled to the width.
static class Config
{
    // Model
    public const int Depth = 4;                     // transformer layers
    public const int Dim = 128;                     // channels of the residual stream
    public const int Heads = 2;                     // query heads; Dim / Heads channels each
    public const int MlpRatio = 4;                  // hidden channels of the MLP / Dim
    public const string WindowPattern = "SSSL";     // S: half of the row, L: all of it; the last layer is always L
    public const float Softcap = 15;                // bound of the logits

    // Optimization
    public const int Rows = 8;                      // rows in a batch
    public const double EmbeddingLr = 0.6;          // token embedding, AdamW
    public const double UnembeddingLr = 0.004;      // output head, AdamW
    public const double MatrixLr = 0.04;            // matrices of the layers, Muon
    public const double ScalarLr = 0.5;             // factors on the embedding, AdamW; those on the residual stream get 1 %
    public const double WeightDecay = 0.2;          // of the matrices, falling to 0
    public const double WarmupRatio = 0.0;          // share of the budget in which rates rise
    public const double WarmdownRatio = 0.5;        // share of the budget in which rates fall
    public const double FinalLrFraction = 0.0;      // rates at the end / full rates
}

/// <summary>
/// Rotary positions, normalised queries and keys, ReLU², RMS norm without weights, learned factors on stream and embedding.
/// </summary>
sealed class Gpt : IDisposable
{
    private readonly Backend _backend;
    private readonly Layer[] _layers;
    private readonly Tensor _rotary;
    private readonly int _sequence;

    public Gpt(Backend backend, int vocabulary, int sequence, long seed)
    {
        (_backend, _sequence) = (backend, sequence);
        Embedding = backend.Parameter((vocabulary, Config.Dim), "wte");
        Head = backend.Parameter((vocabulary, Config.Dim), "lm_head");
        ResidualScales = backend.Parameter(Config.Depth, "resid_lambdas");
        EmbeddingScales = backend.Parameter(Config.Depth, "x0_lambdas");
        _layers = [.. Enumerable.Range(0, Config.Depth).Select(i => new Layer(backend, i))];
        _rotary = backend.CreateRotaryTable(sequence, Config.Dim / Config.Heads);

        // Output projections keep their zeros, so that every layer begins as the identity.
        var (stream, bound) = (0UL, (float)Math.Sqrt(3.0 / Config.Dim));
        ParameterInitializer.Normal(Embedding, 1f, (ulong)seed, stream++);
        ParameterInitializer.Normal(Head, 0.001f, (ulong)seed, stream++);
        foreach (var layer in _layers)
        {
            ParameterInitializer.Uniform(layer.Qkv, bound, (ulong)seed, stream++);
            ParameterInitializer.Uniform(layer.MlpIn, bound, (ulong)seed, stream++);
        }

        ResidualScales.Fill(1);
        EmbeddingScales.Fill(0.1f);
    }

    public Tensor Embedding { get; }
    public Tensor Head { get; }
    public Tensor ResidualScales { get; }
    public Tensor EmbeddingScales { get; }
    public IEnumerable<Tensor> Matrices => _layers.SelectMany(l => l.Matrices);
    public IEnumerable<Tensor> Parameters => [Embedding, Head, ResidualScales, EmbeddingScales, .. Matrices];

    public Tensor Forward(Tape tape, ReadOnlySpan<int> tokens)
    {
        var layout = new AttentionLayout(tokens.Length / _sequence, _sequence, Config.Heads, Config.Heads,
            Config.Dim / Config.Heads);
        var x0 = tape.Embedding(Embedding, tape.Input(tokens, tokens.Length), normalize: true);
        var x = x0;
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            (x, var h) = tape.MixNorm(x, x0, ResidualScales, EmbeddingScales, i);
            var qkv = tape.RotaryNorm(tape.QkvProjection(h, layer.Qkv, layout), _rotary, layout);
            x = tape.Linear(tape.Attention(qkv, layout, layer.WindowOf(_sequence)), layer.Output, residual: x);
            x = tape.Mlp(tape.RmsNorm(x), layer.MlpIn, layer.MlpOut, residual: x);
        }

        return tape.RmsNorm(x);
    }

    public Tensor Loss(Tape tape, ReadOnlySpan<int> inputs, ReadOnlySpan<int> targets) =>
        tape.CrossEntropy(Forward(tape, inputs), Head, tape.Input(targets, targets.Length), Config.Softcap);

    public Tensor Logits(Tape tape, ReadOnlySpan<int> tokens)
    {
        tape.Reset(record: false);
        return tape.Logits(Forward(tape, tokens), Head, Config.Softcap);
    }

    public void Dispose()
    {
        foreach (var parameter in Parameters) parameter.Dispose();
        _rotary.Dispose();
    }
}

sealed class Layer(Backend backend, int index)
{
    public Tensor Qkv { get; } = backend.Parameter((3 * Config.Dim, Config.Dim), $"h.{index}.qkv");
    public Tensor Output { get; } = backend.Parameter((Config.Dim, Config.Dim), $"h.{index}.proj");
    public Tensor MlpIn { get; } = backend.Parameter((Config.MlpRatio * Config.Dim, Config.Dim), $"h.{index}.fc");
    public Tensor MlpOut { get; } = backend.Parameter((Config.Dim, Config.MlpRatio * Config.Dim), $"h.{index}.mlp_proj");

    // Queries, keys and values are one product, and three matrices to the optimizer.
    public IEnumerable<Tensor> Matrices =>
        [Qkv.Slice(0, Config.Dim), Qkv.Slice(Config.Dim, Config.Dim), Qkv.Slice(2 * Config.Dim, Config.Dim), Output,
            MlpIn, MlpOut];

    public int WindowOf(int sequence) =>
        index == Config.Depth - 1 || Config.WindowPattern[index % Config.WindowPattern.Length] == 'L' ? -1 : sequence / 2;
}

/// <summary>Muon for the matrices, AdamW for the rest; all rates follow the share of the budget that is used.</summary>
sealed class Optimizer : IDisposable
{
    private readonly Gpt _model;
    private readonly AdamW _adam;
    private readonly Muon _muon;
    private readonly List<(AdamWOptions Options, double Rate)> _groups = [];

    public Optimizer(Gpt model)
    {
        var backend = model.Embedding.Backend;
        (_model, _adam, _muon) = (model, new(backend), new(backend, new MuonOptions(), [.. model.Matrices]));
        var scale = Math.Pow(Config.Dim / 768.0, -0.5);
        Add(Config.EmbeddingLr * scale, 0.8f, model.Embedding);
        Add(Config.UnembeddingLr * scale, 0.8f, model.Head);
        Add(Config.ScalarLr * 0.01, 0.8f, model.ResidualScales);
        Add(Config.ScalarLr, 0.96f, model.EmbeddingScales);
    }

    public void Step(long step, double progress)
    {
        var rate = Rate(progress);
        foreach (var (options, full) in _groups) options.LearningRate = (float)(full * rate);
        _adam.Step();
        _muon.Options.LearningRate = (float)(Config.MatrixLr * rate);
        _muon.Options.Momentum = (float)(0.85 + (0.1 * Math.Min(step / 300.0, 1)));
        _muon.Options.WeightDecay = (float)(Config.WeightDecay * (1 - progress));
        _muon.Step();
    }

    public void ClearGradients()
    {
        foreach (var parameter in _model.Parameters) parameter.Grad!.Fill(0);
    }

    public void Dispose()
    {
        _adam.Dispose();
        _muon.Dispose();
    }

    private static double Rate(double progress)
    {
        if (progress < Config.WarmupRatio) return progress / Config.WarmupRatio;
        if (progress < 1 - Config.WarmdownRatio) return 1;
        var left = (1 - progress) / Config.WarmdownRatio;
        return left + ((1 - left) * Config.FinalLrFraction);
    }

    private void Add(double rate, float beta1, Tensor parameter)
    {
        var options = new AdamWOptions { Beta1 = beta1, Beta2 = 0.95f, Epsilon = 1e-10f };
        _adam.Add(options, parameter);
        _groups.Add((options, rate));
    }
}
