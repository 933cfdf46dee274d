using System.Globalization;

namespace AutoResearch.Pretraining;

/// <summary>
/// The catalogue of everything that may vary in a training run, under the names that candidates and command lines use.
/// </summary>
public static class TrainingParameters
{
    /// <summary>All parameters, those of the model first.</summary>
    public static IReadOnlyList<TrainingParameter> All { get; } =
    [
        Model("depth", "transformer layers", c => c.Depth, (c, v) => c with { Depth = v }),
        Model("aspect_ratio", "channels per layer of depth, where dim is not given", c => c.AspectRatio,
            (c, v) => c with { AspectRatio = v }),
        Model("head_dim", "channels per attention head, where heads is not given", c => c.TargetHeadDim,
            (c, v) => c with { TargetHeadDim = v }),
        Model("dim", "channels of the residual stream (follows depth × aspect_ratio)", c => c.Dim, (c, v) => c with { Dim = v }),
        Model("heads", "query heads (follows dim / head_dim)", c => c.Heads, (c, v) => c with { Heads = v }),
        Model("kv_heads", "key and value heads (follows heads)", c => c.KvHeads, (c, v) => c with { KvHeads = v }),
        Model("seq", "tokens in a row", c => c.SequenceLength, (c, v) => c with { SequenceLength = v }),
        Model("vocab", "entries of the tokenizer", c => c.VocabularySize, (c, v) => c with { VocabularySize = v }),
        Text("window_pattern", "S (short window) and L (whole row) by layer, the last is always L",
            c => c.WindowPattern, (c, v) => c with { WindowPattern = v }),
        Model("short_window", "earlier tokens a short layer sees (follows seq / 2)", c => c.ShortWindow,
            (c, v) => c with { ShortWindow = v }),
        Switch("mask_documents", "attention ends at the beginning of a document", c => c.MaskDocuments,
            (c, v) => c with { MaskDocuments = v }),
        Model("mlp_ratio", "hidden channels of the MLP / dim", c => c.MlpRatio, (c, v) => c with { MlpRatio = v }),
        Model("softcap", "bound of the logits", c => c.Softcap, (c, v) => c with { Softcap = v }),
        Switch("value_embeddings", "value embeddings on every second layer", c => c.ValueEmbeddings,
            (c, v) => c with { ValueEmbeddings = v }),
        Model("gate_channels", "channels that drive a value embedding's gate", c => c.GateChannels,
            (c, v) => c with { GateChannels = v }),
        Model("rope_base", "base of the rotary frequencies", c => c.RopeBase, (c, v) => c with { RopeBase = v }),
        Model("embedding_init", "standard deviation of the token embedding at the start", c => c.EmbeddingInit,
            (c, v) => c with { EmbeddingInit = v }),
        Model("head_init", "standard deviation of the output head at the start", c => c.HeadInit,
            (c, v) => c with { HeadInit = v }),
        Model("matrix_init", "factor on the initial range ±√(3/dim) of matrices", c => c.MatrixInit,
            (c, v) => c with { MatrixInit = v }),
        Model("resid_lambda_init", "start of the factors on the residual stream", c => c.ResidualLambdaInit,
            (c, v) => c with { ResidualLambdaInit = v }),
        Model("x0_lambda_init", "start of the factors on the embedding", c => c.EmbeddingLambdaInit,
            (c, v) => c with { EmbeddingLambdaInit = v }),
        Training("batch", "rows that go through the model at once", o => o.BatchSize, (o, v) => o with { BatchSize = v }),
        Training("total_batch", "tokens per optimizer step, by accumulation; 0 is one batch", o => o.TotalBatchTokens,
            (o, v) => o with { TotalBatchTokens = v }),
        Training("embedding_lr", "AdamW rate of embeddings at 768 channels", o => o.EmbeddingLr,
            (o, v) => o with { EmbeddingLr = v }),
        Training("unembedding_lr", "AdamW rate of the output head at 768 channels", o => o.UnembeddingLr,
            (o, v) => o with { UnembeddingLr = v }),
        Training("matrix_lr", "Muon rate of the matrices", o => o.MatrixLr, (o, v) => o with { MatrixLr = v }),
        Training("scalar_lr", "AdamW rate of the x0 lambdas", o => o.ScalarLr, (o, v) => o with { ScalarLr = v }),
        Training("resid_lr_ratio", "rate of the residual lambdas / scalar_lr", o => o.ResidualLrRatio,
            (o, v) => o with { ResidualLrRatio = v }),
        Training("weight_decay", "cautious decay of the matrices, falling to 0", o => o.WeightDecay,
            (o, v) => o with { WeightDecay = v }),
        Training("adam_beta1", "AdamW's decay of the gradient mean", o => o.AdamBeta1, (o, v) => o with { AdamBeta1 = v }),
        Training("adam_beta2", "AdamW's decay of the gradient variance", o => o.AdamBeta2, (o, v) => o with { AdamBeta2 = v }),
        Training("scalar_beta1", "AdamW's decay of the gradient mean of the x0 lambdas", o => o.ScalarBeta1,
            (o, v) => o with { ScalarBeta1 = v }),
        Training("adam_epsilon", "AdamW's term against division by zero", o => o.AdamEpsilon,
            (o, v) => o with { AdamEpsilon = v }),
        Training("muon_momentum_start", "Muon's momentum at the first step", o => o.MuonMomentumStart,
            (o, v) => o with { MuonMomentumStart = v }),
        Training("muon_momentum", "Muon's momentum after the ramp", o => o.MuonMomentum, (o, v) => o with { MuonMomentum = v }),
        Training("muon_momentum_steps", "steps of the ramp", o => o.MuonMomentumSteps,
            (o, v) => o with { MuonMomentumSteps = v }),
        Training("muon_beta2", "Muon's decay of the variance", o => o.MuonBeta2, (o, v) => o with { MuonBeta2 = v }),
        Training("ns_steps", "Polar Express iterations, 1 … 5", o => o.NewtonSchulzSteps,
            (o, v) => o with { NewtonSchulzSteps = v }),
        Training("warmup_ratio", "share of the budget in which rates rise", o => o.WarmupRatio,
            (o, v) => o with { WarmupRatio = v }),
        Training("warmdown_ratio", "share of the budget in which rates fall", o => o.WarmdownRatio,
            (o, v) => o with { WarmdownRatio = v }),
        Training("final_lr_frac", "rates at the end / full rates", o => o.FinalLrFraction,
            (o, v) => o with { FinalLrFraction = v }),
        Training("grad_clip", "largest norm of the gradient; 0 is no limit", o => o.GradientClip,
            (o, v) => o with { GradientClip = v }),
        Training("divergence_loss", "loss that counts as divergence; 0 is ln(vocab) + 5", o => o.DivergenceLoss,
            (o, v) => o with { DivergenceLoss = v }),
    ];

    /// <summary>The parameter of a name.</summary>
    /// <exception cref="ArgumentException">There is none; the message names the nearest and all that exist.</exception>
    public static TrainingParameter Get(string name) => All.FirstOrDefault(p => p.Name == name)
        ?? throw new ArgumentException(
            $"There is no parameter '{name}'. Did you mean '{Nearest(name, All.Select(p => p.Name))}'? "
            + $"There are: {string.Join(", ", All.Select(p => p.Name))}.");

    /// <summary>A setup with the values of a candidate; width and heads follow the depth unless they are given too.</summary>
    /// <exception cref="ArgumentException">A parameter does not exist or its value has the wrong type; the message
    /// says which.</exception>
    public static TrainingSetup Apply(TrainingSetup setup, IEnumerable<KeyValuePair<string, ParameterValue>> values)
    {
        ArgumentNullException.ThrowIfNull(setup);
        ArgumentNullException.ThrowIfNull(values);
        foreach (var (name, value) in values) setup = Apply(setup, Get(name), value);
        return setup;
    }

    /// <summary>Reads a value from text.</summary>
    /// <exception cref="ArgumentException">The text is no value of this type.</exception>
    public static ParameterValue Parse(TrainingParameter parameter, string text)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        var invariant = CultureInfo.InvariantCulture;
        return parameter.Kind switch
        {
            ParameterKind.Integer when long.TryParse(text, NumberStyles.Integer, invariant, out var integer) => integer,
            ParameterKind.Float when double.TryParse(text, NumberStyles.Float, invariant, out var number)
                && double.IsFinite(number) => number,
            ParameterKind.Boolean when bool.TryParse(text, out var flag) => flag,
            ParameterKind.Text => text,
            _ => throw WrongType(parameter, text),
        };
    }

    /// <summary>The name that differs least from what was written.</summary>
    public static string Nearest(string written, IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(written);
        return names.MinBy(n => Distance(written, n)) ?? "";
    }

    private static TrainingSetup Apply(TrainingSetup setup, TrainingParameter parameter, ParameterValue value)
    {
        var fits = parameter.Kind == value.Kind || (parameter.Kind == ParameterKind.Float && value.Kind == ParameterKind.Integer);
        return fits ? parameter.Set(setup, value) : throw WrongType(parameter, value.ToString());
    }

    private static ArgumentException WrongType(TrainingParameter parameter, string value) =>
        new($"The parameter '{parameter.Name}' ({parameter.Description}) cannot be '{value}'; it must be {parameter.Kind switch
        {
            ParameterKind.Integer => "an integer",
            ParameterKind.Float => "a finite number",
            ParameterKind.Boolean => "true or false",
            _ => "a text",
        }}, e.g. {parameter.Default}.");

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                (diagonal, row[j]) = (row[j], cost);
            }
        }

        return row[^1];
    }

    private static int ToInt(string name, ParameterValue value) =>
        value.AsInteger() is >= int.MinValue and <= int.MaxValue and var v
            ? (int)v
            : throw new ArgumentException($"The parameter '{name}' is {value}, which is no 32-bit integer.");

    private static TrainingParameter Model(
        string name, string description, Func<GptConfig, int> get, Func<GptConfig, int, GptConfig> set) =>
        new(name, ParameterKind.Integer, description, s => get(s.Model),
            (s, v) => s with { Model = set(s.Model, ToInt(name, v)) });

    private static TrainingParameter Model(
        string name, string description, Func<GptConfig, double> get, Func<GptConfig, double, GptConfig> set) =>
        new(name, ParameterKind.Float, description, s => get(s.Model), (s, v) => s with { Model = set(s.Model, v.AsFloat()) });

    private static TrainingParameter Text(
        string name, string description, Func<GptConfig, string> get, Func<GptConfig, string, GptConfig> set) =>
        new(name, ParameterKind.Text, description, s => get(s.Model), (s, v) => s with { Model = set(s.Model, v.AsText()) });

    private static TrainingParameter Switch(
        string name, string description, Func<GptConfig, bool> get, Func<GptConfig, bool, GptConfig> set) =>
        new(name, ParameterKind.Boolean, description, s => get(s.Model),
            (s, v) => s with { Model = set(s.Model, v.AsBoolean()) });

    private static TrainingParameter Training(
        string name, string description, Func<TrainingOptions, int> get, Func<TrainingOptions, int, TrainingOptions> set) =>
        new(name, ParameterKind.Integer, description, s => get(s.Training),
            (s, v) => s with { Training = set(s.Training, ToInt(name, v)) });

    private static TrainingParameter Training(
        string name, string description, Func<TrainingOptions, double> get, Func<TrainingOptions, double, TrainingOptions> set) =>
        new(name, ParameterKind.Float, description, s => get(s.Training),
            (s, v) => s with { Training = set(s.Training, v.AsFloat()) });
}
