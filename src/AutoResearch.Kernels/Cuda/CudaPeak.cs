namespace AutoResearch.Kernels;

/// <summary>What the matrix units of a GPU reach: the rate that model FLOPs are compared with.</summary>
public static class CudaPeak
{
    /// <summary>Times a large square product of bfloat16 by cuBLASLt.</summary>
    /// <param name="backend">The GPU.</param>
    /// <param name="size">Rows and columns; 8192 fills the largest GPUs.</param>
    /// <param name="repeats">Products whose mean counts, after two for warming up.</param>
    /// <returns>GFLOP/s.</returns>
    public static double Measure(CudaBackend backend, int size = 8192, int repeats = 10)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 8);
        ArgumentOutOfRangeException.ThrowIfLessThan(repeats, 1);
        using var a = backend.Allocate((size, size), backend.ActivationType);
        using var b = backend.Allocate((size, size), backend.ActivationType);
        using var c = backend.Allocate((size, size), backend.ActivationType);

        // Random numbers: with zeros the units draw less power and run faster than they ever will.
        ParameterInitializer.Normal(a, 1, 1, 1);
        ParameterInitializer.Normal(b, 1, 1, 2);
        using var start = new CudaEvent(backend.Device);
        using var end = new CudaEvent(backend.Device);
        for (var i = 0; i < 2; i++) backend.MatMul(a, b, c);
        start.Record(backend.Stream);
        for (var i = 0; i < repeats; i++) backend.MatMul(a, b, c);
        end.Record(backend.Stream);
        end.Synchronize();
        return 2.0 * size * size * size * repeats / end.ElapsedSince(start).TotalSeconds / 1e9;
    }
}
