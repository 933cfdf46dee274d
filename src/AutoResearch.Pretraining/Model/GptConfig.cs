namespace AutoResearch.Pretraining;

/// <summary>
/// The shape and the initialisation of a <see cref="GptModel"/>. Width and heads follow from the depth, as in autoresearch,
/// until they are set; a value that was set stays when others change. Immutable.
/// </summary>
public sealed record GptConfig
{
    private readonly int? _dim, _heads, _kvHeads, _shortWindow;

    /// <summary>Transformer layers. Default 4.</summary>
    public int Depth { get; init; } = 4;

    /// <summary>Channels per layer of depth when <see cref="Dim"/> is not set. Default 64.</summary>
    public double AspectRatio { get; init; } = 64;

    /// <summary>Channels per attention head when <see cref="Heads"/> is not set. Default 64.</summary>
    public int TargetHeadDim { get; init; } = 64;

    /// <summary>
    /// Channels of the residual stream. Default: <see cref="Depth"/> × <see cref="AspectRatio"/>, rounded up to a multiple of
    /// <see cref="TargetHeadDim"/>.
    /// </summary>
    public int Dim
    {
        get => _dim ?? checked((int)Math.Ceiling(Depth * AspectRatio / Math.Max(1, TargetHeadDim)) * TargetHeadDim);
        init => _dim = value;
    }

    /// <summary>
    /// Query heads. Default: as many as divide <see cref="Dim"/> and leave each at least <see cref="TargetHeadDim"/> channels,
    /// in multiples of 8.
    /// </summary>
    public int Heads { get => _heads ?? DefaultHeads(); init => _heads = value; }

    /// <summary>
    /// Key and value heads; fewer than <see cref="Heads"/> for grouped-query attention. Default: as many as query heads.
    /// </summary>
    public int KvHeads { get => _kvHeads ?? Heads; init => _kvHeads = value; }

    /// <summary>Tokens a row of a batch has, and the longest context. Default 256.</summary>
    public int SequenceLength { get; init; } = 256;

    /// <summary>Entries of the tokenizer. Default 2048.</summary>
    public int VocabularySize { get; init; } = 2048;

    /// <summary>
    /// Attention windows by layer, repeated: L sees the whole row, S <see cref="ShortWindow"/> tokens back. The last layer is
    /// always long. Default <c>SSSL</c>.
    /// </summary>
    public string WindowPattern { get; init; } = "SSSL";

    /// <summary>
    /// How many earlier tokens a short layer sees besides the current one. Default: half of <see cref="SequenceLength"/>.
    /// </summary>
    public int ShortWindow { get => _shortWindow ?? Math.Max(1, SequenceLength / 2); init => _shortWindow = value; }

    /// <summary>
    /// Whether attention ends at the beginning of a document where several are packed into a row, in training and in evaluation.
    /// Default false, as in autoresearch: tokens see whatever stands before them in the row.
    /// </summary>
    public bool MaskDocuments { get; init; }

    /// <summary>Hidden channels of the MLP as a multiple of <see cref="Dim"/>. Default 4.</summary>
    public double MlpRatio { get; init; } = 4;

    /// <summary>Logits are bounded to ± this by softcap·tanh(x/softcap). Default 15.</summary>
    public double Softcap { get; init; } = 15;

    /// <summary>
    /// Whether every second layer, the last included, mixes an embedding of the token into its values. Default true.
    /// </summary>
    public bool ValueEmbeddings { get; init; } = true;

    /// <summary>
    /// Channels of the layer's input that drive the gate of a value embedding. Default: 32, or <see cref="Dim"/> if that is less.
    /// </summary>
    public int GateChannels { get => Math.Min(field, Dim); init; } = 32;

    /// <summary>Base of the rotary frequencies. Default 10000.</summary>
    public double RopeBase { get; init; } = 10000;

    /// <summary>Standard deviation of the token embedding at the start. Default 1.</summary>
    public double EmbeddingInit { get; init; } = 1;

    /// <summary>Standard deviation of the output head at the start. Default 0.001.</summary>
    public double HeadInit { get; init; } = 0.001;

    /// <summary>
    /// Multiplies the uniform initialisation ±√(3/Dim) of query, key, value and MLP input matrices and of value embeddings.
    /// Default 1; output projections always start at zero.
    /// </summary>
    public double MatrixInit { get; init; } = 1;

    /// <summary>Start of the factors on the residual stream before each layer. Default 1.</summary>
    public double ResidualLambdaInit { get; init; } = 1;

    /// <summary>Start of the factors on the normalised embedding that each layer adds again. Default 0.1.</summary>
    public double EmbeddingLambdaInit { get; init; } = 0.1;

    /// <summary>Channels per head: <see cref="Dim"/> / <see cref="Heads"/>.</summary>
    public int HeadDim => Dim / Math.Max(1, Heads);

    /// <summary>Channels of keys, of values and of a value embedding.</summary>
    public int KvDim => KvHeads * HeadDim;

    /// <summary>Hidden channels of the MLP: <see cref="MlpRatio"/> × <see cref="Dim"/>, to a multiple of 8.</summary>
    public int MlpDim => Math.Max(8, (int)Math.Round(MlpRatio * Dim / 8) * 8);

    /// <summary>Whether a layer has a value embedding: every second one, counted so that the last has.</summary>
    public bool HasValueEmbedding(int layer) => ValueEmbeddings && layer % 2 == (Depth - 1) % 2;

    /// <summary>
    /// How many earlier tokens a layer sees besides the current one; <see cref="SequenceLength"/> when it sees all.
    /// </summary>
    public int WindowOf(int layer) =>
        layer == Depth - 1 || WindowPattern[layer % WindowPattern.Length] is 'L' or 'l'
            ? SequenceLength
            : Math.Min(ShortWindow, SequenceLength);

    /// <summary>Returns this configuration when a model of it can be built.</summary>
    /// <exception cref="ArgumentException">It cannot; the message names the value and the fix.</exception>
    public GptConfig Validate()
    {
        Range(nameof(Depth), Depth, 1, 1000);
        Range(nameof(TargetHeadDim), TargetHeadDim, 8, 1024);
        Finite(nameof(AspectRatio), AspectRatio, 1e-3, 1e6);
        Range(nameof(Dim), Dim, 8, 1 << 20);
        Require(Dim % 8 == 0, $"{nameof(Dim)} is {Dim}; it must be a multiple of 8, e.g. {(Dim + 7) / 8 * 8}");
        Range(nameof(Heads), Heads, 1, Dim);
        Require(Dim % Heads == 0, $"{nameof(Dim)} {Dim} cannot be divided among {Heads} heads; use a multiple of {Heads}, "
            + $"e.g. {nameof(Dim)} {(Dim + Heads - 1) / Heads * Heads}, or {nameof(Heads)} {DefaultHeads()}");
        Require(HeadDim % 8 == 0, $"{nameof(Dim)} {Dim} with {Heads} heads gives {HeadDim} channels per head; "
            + $"a multiple of 8 is needed, e.g. {nameof(Heads)} {DefaultHeads()}");
        Range(nameof(KvHeads), KvHeads, 1, Heads);
        Require(Heads % KvHeads == 0,
            $"{Heads} query heads cannot share {KvHeads} key and value heads; {nameof(KvHeads)} must divide {nameof(Heads)}");
        Range(nameof(SequenceLength), SequenceLength, 1, 1 << 24);
        Range(nameof(VocabularySize), VocabularySize, 2, 1 << 24);
        Require(!string.IsNullOrEmpty(WindowPattern) && WindowPattern.All(c => c is 'S' or 'L' or 's' or 'l'),
            $"{nameof(WindowPattern)} is '{WindowPattern}'; "
            + "it must consist of the letters S (short window) and L (whole row), e.g. SSSL");
        Range(nameof(ShortWindow), ShortWindow, 1, 1 << 24);
        Finite(nameof(MlpRatio), MlpRatio, 1e-3, 64);
        Finite(nameof(Softcap), Softcap, 1e-3, 1e6);
        Range(nameof(GateChannels), GateChannels, 1, Dim);
        Finite(nameof(RopeBase), RopeBase, 1.0001, 1e12);
        Finite(nameof(EmbeddingInit), EmbeddingInit, 0, 1e3);
        Finite(nameof(HeadInit), HeadInit, 0, 1e3);
        Finite(nameof(MatrixInit), MatrixInit, 0, 1e3);
        Finite(nameof(ResidualLambdaInit), ResidualLambdaInit, -1e3, 1e3);
        Finite(nameof(EmbeddingLambdaInit), EmbeddingLambdaInit, -1e3, 1e3);
        return this;
    }

    private int DefaultHeads()
    {
        for (var heads = Math.Max(1, Dim / Math.Max(1, TargetHeadDim)); heads > 1; heads--)
            if (Dim % heads == 0 && Dim / heads % 8 == 0)
                return heads;
        return 1;
    }

    private static void Range(string name, int value, int least, int most) =>
        Require(value >= least && value <= most, $"{name} is {value}; it must be {least} … {most}");

    private static void Finite(string name, double value, double least, double most) => // NaN fails every comparison
        Require(value >= least && value <= most, FormattableString.Invariant($"{name} is {value}; it must be {least} … {most}"));

    private static void Require(bool condition, string message)
    {
        if (!condition) throw new ArgumentException($"Impossible model: {message}.");
    }
}
