namespace AutoResearch.Kernels;

/// <summary>A call into CUDA failed. Running out of memory is <see cref="CudaOutOfMemoryException"/> instead.</summary>
public sealed class CudaException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="call">The native function that reported the error.</param>
    /// <param name="code">Its status.</param>
    /// <param name="errorName">Name of the status, as in <c>CUDA_ERROR_INVALID_VALUE</c>.</param>
    /// <param name="message">The whole message.</param>
    /// <param name="isSticky">True when the error has made the device unusable for this process.</param>
    /// <param name="inner">The first error, when this one repeats it.</param>
    public CudaException(string call, int code, string errorName, string message, bool isSticky = false, Exception? inner = null)
        : base(message, inner) => (Call, Code, ErrorName, IsSticky) = (call, code, errorName, isSticky);

    /// <summary>The native function that reported the error. Faults of kernels are often reported by a later call.</summary>
    public string Call { get; }

    /// <summary>Status code of the native function.</summary>
    public int Code { get; }

    /// <summary>Name of the status, as in <c>CUDA_ERROR_INVALID_VALUE</c>.</summary>
    public string ErrorName { get; }

    /// <summary>
    /// True when the error has made the device unusable for the rest of this process: a kernel touched foreign memory, the
    /// hardware failed. Every later use of the <see cref="CudaDevice"/> throws the same error again.
    /// </summary>
    public bool IsSticky { get; }
}
