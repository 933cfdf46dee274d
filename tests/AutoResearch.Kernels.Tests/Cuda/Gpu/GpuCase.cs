namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>
/// A differentiable function of some parameters, run on the emulated GPU and on the reference. Inputs are numbers that bfloat16
/// can hold, so that what differs is what the kernels round.
/// </summary>
internal sealed record GpuCase(Shape[] Leaves, Func<Tape, Tensor[], Tensor> Forward, ulong Seed = 1, float Scale = 1)
{
    // What gradients are before: they accumulate. Small, so that little is lost when it is taken away again.
    private const float Before = 1f / 64;

    internal sealed record Result(float[] Output, float[][] Gradients);

    /// <summary>Throws when output or a gradient of the backend is not that of the reference.</summary>
    /// <param name="cuda">The backend.</param>
    /// <param name="tolerance">Largest root mean square of the error, as a share of that of the values.</param>
    internal void Check(Backend cuda, double tolerance = 1e-2)
    {
        using var reference = new ReferenceBackend();
        var (expected, actual) = (Run(reference), Run(cuda));
        Near(expected.Output, actual.Output, tolerance, "output");
        for (var l = 0; l < Leaves.Length; l++)
            Near(expected.Gradients[l], actual.Gradients[l], tolerance, $"gradient of leaf {l} {Leaves[l]}");
    }

    /// <summary>Output, and gradients of sum(output · w) with fixed random w, which accumulate.</summary>
    internal Result Run(Backend backend)
    {
        var leaves = Leaves.Select((shape, i) => Leaf(backend, shape, i)).ToArray();
        using var tape = new Tape(backend) { Poison = true };
        var y = Forward(tape, leaves);
        var output = y.ToArray();
        tape.Backward(y, output.Length == 1 ? [1] : Values(output.Length, 99, 1));
        var result = new Result(output, [.. leaves.Select(l => l.Grad!.ToArray().Select(g => g - Before).ToArray())]);
        foreach (var leaf in leaves) leaf.Dispose();
        return result;
    }

    internal static void Near(float[] expected, float[] actual, double tolerance, string what)
    {
        if (expected.Length != actual.Length)
            throw new InvalidOperationException($"{what}: {actual.Length} elements, expected {expected.Length}");
        double error = 0, size = 0, largest = 0;
        var at = 0;
        for (var i = 0; i < expected.Length; i++)
        {
            var difference = Math.Abs((double)expected[i] - actual[i]);
            if (!(difference <= largest)) (largest, at) = (difference, i);
            error += difference * difference;
            size += (double)expected[i] * expected[i];
        }

        var (rms, scale) = (Math.Sqrt(error / expected.Length), Math.Sqrt(size / expected.Length) + 1e-6);
        if (rms <= tolerance * scale && largest <= 12 * tolerance * Math.Max(scale, expected.Max(Math.Abs) / 4)) return;
        throw new InvalidOperationException(FormattableString.Invariant(
            $"{what}: error {rms / scale:g3} (limit {tolerance:g3}); element {at} is {actual[at]}, expected {expected[at]}"));
    }

    private Tensor Leaf(Backend backend, Shape shape, int index)
    {
        var leaf = backend.Parameter(shape, $"leaf {index}");
        var values = Values((int)shape.ElementCount, (ulong)index, Scale);

        // Vectors are scalars of layers: near 1, so that no mixture comes near 0, where the norm is not smooth.
        if (shape.Rank == 1) values = [.. values.Select(v => Rounded(1 + (0.2f * Math.Clamp(v, -2, 2))))];
        leaf.CopyFrom(values);
        leaf.Grad!.Fill(Before);
        return leaf;
    }

    private float[] Values(int count, ulong stream, float scale)
    {
        using var backend = new ReferenceBackend();
        using var tensor = backend.Allocate(count);
        ParameterInitializer.Normal(tensor, scale, Seed, stream);
        return [.. tensor.ToArray().Select(Rounded)];
    }

    private static float Rounded(float value) => BFloat16.ToSingle(BFloat16.FromSingle(value));
}
