using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>
/// Muon for the layers' matrices, AdamW in five groups for the rest, as in autoresearch: embeddings, value embeddings and
/// head with rates ∝ 1/√dim, residual lambdas with a hundredth of the scalar rate, embedding lambdas with a longer memory.
/// </summary>
internal sealed class GptOptimizer : IDisposable
{
    private readonly GptModel _model;
    private readonly TrainingOptions _options;
    private readonly AdamW _adam;
    private readonly Muon _muon;
    private readonly List<(AdamWOptions Options, double Rate)> _groups = [];
    private readonly Tensor[] _parameters;

    public GptOptimizer(GptModel model, TrainingOptions options)
    {
        (_model, _options, _parameters) = (model, options, [.. model.Parameters]);
        _adam = new(model.Backend);
        _muon = new(model.Backend, new MuonOptions { Beta2 = (float)options.MuonBeta2, Iterations = options.NewtonSchulzSteps },
            [.. model.Matrices]);
        var widthScale = Math.Pow(model.Config.Dim / 768.0, -0.5);
        AddGroup(options.UnembeddingLr * widthScale, options.AdamBeta1, model.Head);
        AddGroup(options.EmbeddingLr * widthScale, options.AdamBeta1, model.Embedding);
        AddGroup(options.EmbeddingLr * widthScale, options.AdamBeta1, [.. model.ValueTables]);
        AddGroup(options.ScalarLr * options.ResidualLrRatio, options.AdamBeta1, model.ResidualLambdas);
        AddGroup(options.ScalarLr, options.ScalarBeta1, model.EmbeddingLambdas);
    }

    /// <summary>One step with the gradients accumulated in the parameters, which are zero afterwards.</summary>
    public void Step(double rate, double momentum, double weightDecay)
    {
        if (_options.GradientClip > 0) _model.Backend.ClipGradients(_parameters, _options.GradientClip);
        foreach (var (group, full) in _groups) group.LearningRate = (float)(full * rate);
        _adam.Step();
        _muon.Options.LearningRate = (float)(_options.MatrixLr * rate);
        _muon.Options.Momentum = (float)momentum;
        _muon.Options.WeightDecay = (float)weightDecay;
        _muon.Step();
    }

    public void ClearGradients()
    {
        foreach (var parameter in _parameters) parameter.Grad!.Fill(0);
    }

    /// <summary>The tensors that a checkpoint needs besides the weights, by name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> State =>
        _adam.States.SelectMany(s =>
            new[] { (s.Parameter.Name + ".exp_avg", s.First), (s.Parameter.Name + ".exp_avg_sq", s.Second) })
            .Concat(_muon.States.SelectMany(s => new[]
            {
                (s.Parameter.Name + ".momentum_buffer", s.Momentum),
                (s.Parameter.Name + ".second_momentum_buffer", s.SecondMoment),
            }));

    /// <summary>Steps of the optimizer, which are fewer than the trainer's after it went back.</summary>
    public long Steps => _adam.Steps;

    public void Restore(long steps) => _adam.Steps = checked((int)steps);

    public void Dispose()
    {
        _adam.Dispose();
        _muon.Dispose();
    }

    private void AddGroup(double rate, double beta1, params ReadOnlySpan<Tensor> parameters)
    {
        var group =
            new AdamWOptions { Beta1 = (float)beta1, Beta2 = (float)_options.AdamBeta2, Epsilon = (float)_options.AdamEpsilon };
        _adam.Add(group, parameters);
        _groups.Add((group, rate));
    }
}
