namespace AutoResearch.Kernels;

/// <summary>One tensor's share of <see cref="Backend.AdamWStep"/>.</summary>
/// <param name="Parameter">What is trained; its <see cref="Tensor.Grad"/> is read.</param>
/// <param name="FirstMoment">Running mean of the gradient.</param>
/// <param name="SecondMoment">Running mean of the squared gradient.</param>
/// <param name="LearningRate">Step size, at least 0.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to the denominator.</param>
/// <param name="WeightDecay">Decoupled decay: the parameter is first multiplied by 1 − LearningRate · WeightDecay.</param>
/// <param name="Step">Number of this step, from 1 on (bias correction).</param>
public readonly record struct AdamWUpdate(
    Tensor Parameter, Tensor FirstMoment, Tensor SecondMoment, float LearningRate, float Beta1, float Beta2, float Epsilon,
    float WeightDecay, int Step);
