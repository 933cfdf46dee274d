namespace AutoResearch.Kernels;

/// <summary>
/// Settings of a group of parameters under <see cref="AdamW"/>. May be changed between steps, as a schedule does.
/// </summary>
public sealed class AdamWOptions
{
    /// <summary>Step size.</summary>
    /// <value>The default is 0.001.</value>
    public float LearningRate { get; set; } = 1e-3f;

    /// <summary>Decay of the running mean of the gradient.</summary>
    /// <value>The default is 0.8.</value>
    public float Beta1 { get; set; } = 0.8f;

    /// <summary>Decay of the running mean of the squared gradient.</summary>
    /// <value>The default is 0.95.</value>
    public float Beta2 { get; set; } = 0.95f;

    /// <summary>Added to the denominator.</summary>
    /// <value>The default is 1e-10.</value>
    public float Epsilon { get; set; } = 1e-10f;

    /// <summary>Decoupled weight decay.</summary>
    /// <value>The default is 0.</value>
    public float WeightDecay { get; set; }
}
