namespace AutoResearch.Kernels;

/// <summary>Elementwise function applied to the result of <see cref="Backend.Linear"/> while it is still in registers.</summary>
public enum Activation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>max(0, x)² (So et al. 2021, arXiv:2109.08668).</summary>
    ReluSquared,
}
