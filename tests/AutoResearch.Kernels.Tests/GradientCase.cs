namespace AutoResearch.Kernels.Tests;

/// <summary>A differentiable function of some parameters, run through a tape on any backend.</summary>
internal sealed record GradientCase(Shape[] Leaves, Func<Tape, Tensor[], Tensor> Forward, ulong Seed = 1, float Scale = 0.7f)
{
    internal sealed record Result(float[] Output, float[][] Gradients);

    /// <summary>Output, and gradients of sum(output · w) with fixed random w.</summary>
    internal Result Run(Backend backend, int repeats = 1)
    {
        var leaves = MakeLeaves(backend);
        using var tape = new Tape(backend) { Poison = true };
        float[] output = [];
        for (var i = 0; i < repeats; i++)
        {
            tape.Reset();
            var y = Forward(tape, leaves);
            output = y.ToArray();
            tape.Backward(y, Weights(output.Length));
        }

        var gradients = leaves.Select(l => l.Grad!.ToArray()).ToArray();
        foreach (var leaf in leaves) leaf.Dispose();
        return new(output, gradients);
    }

    /// <summary>The gradients of the reference agree with central differences of its own forward pass.</summary>
    internal void CheckDifferences(double tolerance = 4e-3, int samples = 6)
    {
        using var backend = new ReferenceBackend();
        var gradients = Run(backend).Gradients;
        var leaves = MakeLeaves(backend);
        using var tape = new Tape(backend);
        var random = new Random((int)Seed);
        const float step = 1f / 128;
        for (var l = 0; l < leaves.Length; l++)
        {
            var values = leaves[l].ToArray();
            var largest = Math.Max(0.1, gradients[l].Max(Math.Abs));
            for (var s = 0; s < Math.Min(samples, values.Length); s++)
            {
                var i = random.Next(values.Length);
                var kept = values[i];
                var (up, down) = (kept + step, kept - step);
                values[i] = up;
                leaves[l].CopyFrom(values);
                var above = Objective(tape, leaves);
                values[i] = down;
                leaves[l].CopyFrom(values);
                var below = Objective(tape, leaves);
                values[i] = kept;
                leaves[l].CopyFrom(values);
                var difference = (above - below) / ((double)up - down);
                Assert.True(
                    Math.Abs(difference - gradients[l][i]) <= tolerance * largest,
                    $"leaf {l} {leaves[l].Shape} element {i}: gradient {gradients[l][i]}, difference {difference}, seed {Seed}");
            }
        }

        foreach (var leaf in leaves) leaf.Dispose();
    }

    /// <summary>The CPU agrees with the reference, in the output and in every gradient.</summary>
    internal void CheckCpu(double tolerance = 3e-5, int threads = 1)
    {
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(new() { Threads = threads });
        var expected = Run(reference);
        var actual = Run(cpu);
        Near(expected.Output, actual.Output, tolerance, $"output, seed {Seed}");
        for (var l = 0; l < Leaves.Length; l++)
            Near(expected.Gradients[l], actual.Gradients[l], tolerance, $"gradient of leaf {l} {Leaves[l]}, seed {Seed}");
    }

    internal static void Near(float[] expected, float[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var limit = tolerance * Math.Max(1, expected.Max(Math.Abs));
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= limit,
                $"{what}: element {i} is {actual[i]}, expected {expected[i]} ± {limit}");
        }
    }

    private double Objective(Tape tape, Tensor[] leaves)
    {
        tape.Reset(record: false);
        var output = Forward(tape, leaves).ToArray();
        var weights = Weights(output.Length);
        return output.Select((y, i) => (double)y * weights[i]).Sum();
    }

    private Tensor[] MakeLeaves(Backend backend) => Leaves.Select((shape, i) =>
    {
        var leaf = backend.Parameter(shape, $"leaf {i}");
        ParameterInitializer.Normal(leaf, Scale, Seed, (ulong)i);

        // Vectors are scalars of layers: near 1, so that no mixture comes near 0, where the norm is not smooth.
        if (shape.Rank == 1) leaf.CopyFrom(leaf.ToArray().Select(v => 1 + (0.3f * Math.Clamp(v, -2, 2))).ToArray());
        return leaf;
    }).ToArray();

    private float[] Weights(int count)
    {
        if (count == 1) return [1];
        var random = new Random((int)Seed + 99);
        return Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1).ToArray();
    }
}
