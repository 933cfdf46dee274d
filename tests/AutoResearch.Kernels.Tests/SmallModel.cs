namespace AutoResearch.Kernels.Tests;

/// <summary>One layer with everything in it, trained on a fixed batch.</summary>
internal sealed class SmallModel : IDisposable
{
    private const int Vocabulary = 17, Channels = 24;
    private static readonly AttentionLayout Layout = new(2, 11, 3, 1, 8);

    private readonly Tape _tape;
    private readonly Tensor _wte, _qkv, _out, _fc, _proj, _head, _values, _gate, _residual, _input, _rotary;
    private readonly Tensor[] _parameters;
    private readonly Muon _muon;
    private readonly AdamW _adam;
    private readonly int[] _tokens, _targets;

    internal SmallModel(Backend backend)
    {
        _tape = new Tape(backend);
        _rotary = backend.CreateRotaryTable(16, 8);
        _parameters =
        [
            _wte = backend.Parameter((Vocabulary, Channels)), _qkv = backend.Parameter((Layout.Columns, Channels)),
            _out = backend.Parameter((Channels, Channels)), _fc = backend.Parameter((4 * Channels, Channels)),
            _proj = backend.Parameter((Channels, 4 * Channels)), _head = backend.Parameter((Vocabulary, Channels)),
            _values = backend.Parameter((Vocabulary, Layout.KvColumns)), _gate = backend.Parameter((1, 12)),
            _residual = backend.Parameter(1), _input = backend.Parameter(1),
        ];
        for (var i = 0; i < _parameters.Length; i++) ParameterInitializer.Normal(_parameters[i], 0.2f, 7, (ulong)i);
        _residual.Fill(1);
        _input.Fill(0.1f);
        _muon = new Muon(
            backend, new() { LearningRate = 0.02f, WeightDecay = 0.1f },
            _qkv.Slice(0, 24), _qkv.Slice(24, 8), _qkv.Slice(32, 8), _out, _fc, _proj, _gate);
        _adam = new AdamW(backend);
        _adam.Add(new() { LearningRate = 0.01f }, _wte, _head, _values, _residual, _input);
        _tokens = Enumerable.Range(0, Layout.Tokens).Select(i => i * i % Vocabulary).ToArray();
        _targets = Enumerable.Range(0, Layout.Tokens).Select(i => (i + 3) % Vocabulary).ToArray();
        _targets[4] = Backend.IgnoreIndex;
    }

    internal float Step()
    {
        _tape.Reset();
        var tokens = _tape.Input(_tokens, Layout.Tokens);
        var x0 = _tape.Embedding(_wte, tokens, normalize: true);
        var (x, h) = _tape.MixNorm(x0, x0, _residual, _input, 0);
        var qkv = _tape.RotaryNorm(_tape.QkvProjection(h, _qkv, Layout, _values, _gate, tokens), _rotary, Layout);
        x = _tape.Linear(_tape.Attention(qkv, Layout, 5), _out, x);
        x = _tape.Mlp(_tape.RmsNorm(x), _fc, _proj, x);
        var loss = _tape.CrossEntropy(_tape.RmsNorm(x), _head, _tape.Input(_targets, Layout.Tokens));
        var value = loss.Item();
        _tape.Backward(loss);
        _muon.Step();
        _adam.Step();
        return value;
    }

    public void Dispose()
    {
        _muon.Dispose();
        _adam.Dispose();
        foreach (var parameter in _parameters) parameter.Dispose();
        _rotary.Dispose();
        _tape.Dispose();
    }
}
