namespace AutoResearch.Kernels;

/// <summary>A native library of CUDA is missing or too old. The message lists where was looked and how to mend it.</summary>
public sealed class CudaNotFoundException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="component">What is missing.</param>
    /// <param name="message">What was looked for, where, and what to do.</param>
    public CudaNotFoundException(CudaComponent component, string message) : base(message) => Component = component;

    /// <summary>What is missing.</summary>
    public CudaComponent Component { get; }
}
