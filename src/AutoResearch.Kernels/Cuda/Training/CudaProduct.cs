namespace AutoResearch.Kernels;

/// <summary>
/// A matrix product with its factors, apart from the addresses. One object per shape, so that recorded ones can be compared.
/// </summary>
internal sealed class CudaProduct(CublasLt blas, MatmulShape shape, float beta)
{
    /// <summary><c>d = op(a) · op(b) + beta · c</c>; c is not read when beta is 0.</summary>
    internal void Run(CudaStream stream, nint a, nint b, nint c, nint d) =>
        blas.Matmul(stream, shape, a, b, d, 1, beta, source: c);
}
