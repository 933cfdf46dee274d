using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>
/// autoresearch's GPT: RMS norm without weights, rotary embeddings, normalised queries and keys, ReLU² feed-forward, value
/// embeddings with gates on every second layer, learned factors on the residual stream and on the embedding that every layer
/// adds again, sliding windows, grouped-query attention, bounded logits, separate output head. Not thread-safe.
/// </summary>
public sealed class GptModel : IDisposable
{
    private readonly GptLayer[] _layers;
    private readonly Tensor _rotary;

    /// <summary>Allocates and initialises a model.</summary>
    /// <param name="backend">Where it computes; stays the caller's.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="seed">Decides the initial weights.</param>
    /// <exception cref="ArgumentException">The configuration is impossible; the message names the value and the fix.</exception>
    public GptModel(Backend backend, GptConfig config, long seed)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(config);
        (Backend, Config) = (backend, config.Validate());
        Embedding = backend.Parameter((config.VocabularySize, config.Dim), "transformer.wte.weight");
        Head = backend.Parameter((config.VocabularySize, config.Dim), "lm_head.weight");
        ResidualLambdas = backend.Parameter(config.Depth, "resid_lambdas");
        EmbeddingLambdas = backend.Parameter(config.Depth, "x0_lambdas");
        _layers = [.. Enumerable.Range(0, config.Depth).Select(i => new GptLayer(backend, config, i))];
        _rotary = backend.CreateRotaryTable(config.SequenceLength, config.HeadDim, config.RopeBase);
        Initialize((ulong)seed);
    }

    /// <summary>Where the model computes.</summary>
    public Backend Backend { get; }

    /// <summary>Its shape.</summary>
    public GptConfig Config { get; }

    /// <summary>All parameters under the names they have in autoresearch's state dictionary.</summary>
    public IEnumerable<Tensor> Parameters => [Embedding, Head, ResidualLambdas, EmbeddingLambdas, .. ValueTables, .. Matrices];

    internal Tensor Embedding { get; }

    internal Tensor Head { get; }

    internal Tensor ResidualLambdas { get; }

    internal Tensor EmbeddingLambdas { get; }

    internal IEnumerable<Tensor> ValueTables => _layers.Select(l => l.ValueTable).OfType<Tensor>();

    internal IEnumerable<Tensor> Matrices => _layers.SelectMany(l => l.Matrices);

    /// <summary>The normalised output of the last layer.</summary>
    /// <param name="tape">Records the operations.</param>
    /// <param name="tokens">Token ids, row after row: [batch × sequence].</param>
    /// <param name="batch">Rows.</param>
    /// <param name="documentStarts">
    /// The position in its row at which each token's document begins, [batch × sequence]: attention ends there. Null: each
    /// row is one document.
    /// </param>
    /// <returns>[batch × sequence, dim].</returns>
    /// <exception cref="ArgumentException">The rows are uneven or longer than the model's sequence length.</exception>
    public Tensor Forward(Tape tape, Tensor tokens, int batch, Tensor? documentStarts = null)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(tokens);
        var sequence = (int)(tokens.ElementCount / batch);
        if ((long)sequence * batch != tokens.ElementCount || sequence > Config.SequenceLength)
            throw new ArgumentException($"{tokens.ElementCount} tokens are not {batch} rows of at most {Config.SequenceLength}.",
                nameof(tokens));
        var layout = new AttentionLayout(batch, sequence, Config.Heads, Config.KvHeads, Config.HeadDim);
        var x0 = tape.Embedding(Embedding, tokens, normalize: true);
        var x = x0;
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            (x, var h) = tape.MixNorm(x, x0, ResidualLambdas, EmbeddingLambdas, i);
            var qkv = tape.QkvProjection(h, layer.Qkv, layout, layer.ValueTable, layer.Gate, tokens);
            qkv = tape.RotaryNorm(qkv, _rotary, layout);
            x = tape.Linear(tape.Attention(qkv, layout, layer.Window, documentStarts), layer.Output, residual: x);
            x = tape.Mlp(tape.RmsNorm(x), layer.MlpIn, layer.MlpOut, residual: x);
        }

        return tape.RmsNorm(x);
    }

    /// <summary>Mean cross-entropy in nats per target.</summary>
    /// <param name="tape">Records the operations.</param>
    /// <param name="tokens">Token ids, [batch × sequence].</param>
    /// <param name="targets">The token after each, or −1 where nothing is scored.</param>
    /// <param name="batch">Rows.</param>
    /// <param name="gradientScale">Factor of the gradients: 1 / micro-steps when gradients accumulate. Default 1.</param>
    /// <param name="documentStarts">As in <see cref="Forward"/>.</param>
    public Tensor Loss(
        Tape tape, Tensor tokens, Tensor targets, int batch, float gradientScale = 1, Tensor? documentStarts = null) =>
        tape.CrossEntropy(Forward(tape, tokens, batch, documentStarts), Head, targets, (float)Config.Softcap, gradientScale);

    /// <summary>The loss of each target in nats, 0 where nothing is scored.</summary>
    /// <inheritdoc cref="Loss"/>
    public Tensor Losses(Tape tape, Tensor tokens, Tensor targets, int batch, Tensor? documentStarts = null)
    {
        tape.CrossEntropy(Forward(tape, tokens, batch, documentStarts), Head, targets, out var losses, (float)Config.Softcap);
        return losses;
    }

    /// <summary>Logits of the token after the last one of a single row.</summary>
    internal Tensor NextLogits(Tape tape, Tensor tokens)
    {
        var x = Forward(tape, tokens, 1);
        return tape.Logits(x.Slice(x.Shape[0] - 1, 1), Head, (float)Config.Softcap);
    }

    /// <summary>Releases the weights.</summary>
    public void Dispose()
    {
        foreach (var tensor in (Tensor[])[Embedding, Head, ResidualLambdas, EmbeddingLambdas, _rotary]) tensor.Dispose();
        foreach (var layer in _layers) layer.Dispose();
    }

    // Output projections and gates keep the zeros they were allocated with: every layer begins as the identity, every gate at 1.
    private void Initialize(ulong seed)
    {
        var stream = 0UL; // one per tensor
        var bound = (float)(Config.MatrixInit * Math.Sqrt(3.0 / Config.Dim));
        ParameterInitializer.Normal(Embedding, (float)Config.EmbeddingInit, seed, stream++);
        ParameterInitializer.Normal(Head, (float)Config.HeadInit, seed, stream++);
        foreach (var layer in _layers)
        {
            ParameterInitializer.Uniform(layer.Qkv, bound, seed, stream++);
            ParameterInitializer.Uniform(layer.MlpIn, bound, seed, stream++);
            if (layer.ValueTable is not null) ParameterInitializer.Uniform(layer.ValueTable, bound, seed, stream++);
        }

        ResidualLambdas.Fill((float)Config.ResidualLambdaInit);
        EmbeddingLambdas.Fill((float)Config.EmbeddingLambdaInit);
    }
}
