namespace AutoResearch.Kernels;

/// <summary>Settings of <see cref="Muon"/>. May be changed between steps, as a schedule does.</summary>
public sealed class MuonOptions
{
    /// <summary>Step size; each matrix uses it times √max(1, rows / columns).</summary>
    /// <value>The default is 0.04.</value>
    public float LearningRate { get; set; } = 0.04f;

    /// <summary>Decay of the Nesterov momentum.</summary>
    /// <value>The default is 0.95.</value>
    public float Momentum { get; set; } = 0.95f;

    /// <summary>Decay of the second moment per row or column.</summary>
    /// <value>The default is 0.95.</value>
    public float Beta2 { get; set; } = 0.95f;

    /// <summary>Cautious weight decay: only where update and weight have the same sign.</summary>
    /// <value>The default is 0.</value>
    public float WeightDecay { get; set; }

    /// <summary>Polar Express iterations, 1 to 5.</summary>
    /// <value>The default is 5.</value>
    public int Iterations { get; set; } = 5;
}
