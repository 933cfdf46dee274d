namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>Optimizers and what is computed from all gradients, on the emulated GPU, against the reference.</summary>
[Collection(nameof(EmulatedGpu))]
public sealed class CudaOptimizationTests : IDisposable
{
    private readonly CudaBackend _cuda = OpenBackend();
    private readonly ReferenceBackend _reference = new();

    /// <summary>Where the backend comes from: the mutation tests put broken kernels in.</summary>
    internal static Func<CudaBackend> OpenBackend { get; set; } = () => EmulatedGpu.Open();

    public void Dispose()
    {
        _cuda.Dispose();
        _reference.Dispose();
    }

    [Fact]
    public void AdamW_ManyTensors_IsTheReference()
    {
        Shape[] shapes = [(3, 8), 1, (70, 64), 5, (1, 4099)];
        var expected = Steps(_reference, shapes, Adam);
        Check(expected, Steps(_cuda, shapes, Adam), 1e-5);

        static Action Adam(Backend backend, Tensor[] parameters)
        {
            var optimizer = new AdamW(backend);
            optimizer.Add(new() { LearningRate = 0.03f, WeightDecay = 0.1f }, parameters.AsSpan(0, 2));
            optimizer.Add(new() { LearningRate = 0.5f, Beta1 = 0.9f, Epsilon = 1e-8f }, parameters.AsSpan(2));
            return optimizer.Step;
        }
    }

    [Theory]
    [InlineData(24, 8, 3)]
    [InlineData(8, 40, 2)]
    [InlineData(16, 16, 1)]
    [InlineData(96, 33, 2)]
    public void Muon_AnyShape_IsTheReference(int rows, int columns, int count)
    {
        Shape[] shapes = [.. Enumerable.Repeat((Shape)(rows, columns), count)];

        // The iteration runs in bfloat16, and the decay depends on signs: over three steps the directions agree roughly.
        Check(Steps(_reference, shapes, Muon), Steps(_cuda, shapes, Muon), 0.15, compareChange: true);

        static Action Muon(Backend backend, Tensor[] parameters)
        {
            var optimizer = new Muon(backend, new() { LearningRate = 0.05f, WeightDecay = 0.3f, Momentum = 0.9f }, parameters);
            return optimizer.Step;
        }
    }

    [Theory]
    [InlineData(24, 8, 3)]
    [InlineData(8, 40, 2)]
    [InlineData(70, 70, 2)]
    public void MuonMomentumAndUpdate_AnyShape_AreTheReference(int rows, int columns, int count)
    {
        var expected = Run(_reference);
        var actual = Run(_cuda);
        for (var i = 0; i < expected.Length; i++) GpuCase.Near(expected[i], actual[i], i == 1 ? 4e-3 : 1e-4, $"result {i}");

        float[][] Run(Backend backend)
        {
            var parameters = Parameters(backend, [.. Enumerable.Repeat((Shape)(rows, columns), count)]);
            for (var i = 0; i < count; i++) parameters[i].Grad!.CopyFrom(Values(rows * columns, (ulong)(i + 10), 0.1f));
            var momentum = backend.Allocate((count, rows, columns));
            momentum.CopyFrom(Values(momentum.ElementCount, 20, 0.2f));
            var direction = backend.Allocate((count, rows, columns), backend.ActivationType);
            backend.MuonMomentum(parameters, momentum, direction, 0.9f, clearGradients: true);
            var polar = Activation(backend, (count, rows, columns), 30);
            var second = backend.Allocate((count, Math.Max(rows, columns)));
            second.CopyFrom([.. Values(second.ElementCount, 40, 1).Select(Math.Abs)]);
            backend.MuonUpdate(polar, parameters, second, 0.03f, 0.4f, 0.7f);
            return [momentum.ToArray(), direction.ToArray(), second.ToArray(), .. parameters.Select(p => p.ToArray()),
                .. parameters.Select(p => p.Grad!.ToArray())];
        }
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(1e30f)]
    public void GradientNorm_AnyScale_IsTheReference(float scale)
    {
        Shape[] shapes = [(3, 8), 1, (70, 64), (1, 4099)];
        var expected = Norm(_reference);
        Assert.Equal(expected, Norm(_cuda), expected * 1e-6);

        double Norm(Backend backend)
        {
            var parameters = Parameters(backend, shapes);
            foreach (var parameter in parameters) parameter.Grad!.CopyFrom(Values(parameter.ElementCount, 5, scale));
            return backend.GradientNorm(parameters);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void GradientNorm_NotFinite_IsNotFinite(float value)
    {
        var parameters = Parameters(_cuda, [(70, 64)]);
        var gradient = Values(70 * 64, 5, 1);
        gradient[4321] = value;
        parameters[0].Grad!.CopyFrom(gradient);
        Assert.False(double.IsFinite(_cuda.GradientNorm(parameters)));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1e6)]
    public void ClipGradients_AnyLimit_IsTheReference(double limit)
    {
        Shape[] shapes = [(3, 8), 5, (70, 64)];
        var expected = Clip(_reference);
        var actual = Clip(_cuda);
        for (var i = 0; i < shapes.Length; i++) GpuCase.Near(expected[i], actual[i], 1e-5, $"gradient {i}");

        float[][] Clip(Backend backend)
        {
            var parameters = Parameters(backend, shapes);
            for (var i = 0; i < parameters.Length; i++)
                parameters[i].Grad!.CopyFrom(Values(parameters[i].ElementCount, (ulong)i, 2));
            backend.ClipGradients(parameters, limit);
            return [.. parameters.Select(p => p.Grad!.ToArray())];
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void MatMul_Transposed_IsTheReference(bool transposeA, bool transposeB)
    {
        Check2(backend =>
        {
            var a = Activation(backend, transposeA ? (3, 9, 7) : (3, 7, 9), 1);
            var b = Activation(backend, transposeB ? (3, 5, 9) : (3, 9, 5), 2);
            var c = Activation(backend, (3, 7, 5), 3);
            backend.MatMul(a, b, c, transposeA, transposeB);
            return c.ToArray();
        });
    }

    [Fact]
    public void PolarPolynomial_Batch_IsTheReference() => Check2(backend =>
    {
        var (gram, square) = (Activation(backend, (3, 9, 9), 1), Activation(backend, (3, 9, 9), 2));
        backend.PolarPolynomial(gram, square, 3.4f, -2.7f, 0.5f);
        return square.ToArray();
    });

    [Fact]
    public void Softcap_LargeAndSmall_IsTheReference() => Check2(backend =>
    {
        var x = backend.Allocate(9, backend.ActivationType);
        x.CopyFrom([0, 1e-3f, -1, 3, -14, 15, 100, -1e30f, 1e30f]);
        backend.Softcap(x, 15);
        return x.ToArray();
    });

    [Fact]
    public void Add_EveryPairOfTypes_AddsInPlace()
    {
        foreach (var count in (int[])[1, 7, 16, 2501])
        {
            foreach (var (first, second) in ((DType, DType)[])[(DType.Float32, DType.Float32), (DType.Float32, DType.BFloat16),
                (DType.BFloat16, DType.Float32), (DType.BFloat16, DType.BFloat16)])
            {
                using var x = _cuda.Allocate(count + 1, first);
                using var sum = _cuda.Allocate(count, second);
                x.CopyFrom([.. Enumerable.Range(0, count + 1).Select(i => i % 64 - 30f)]);
                sum.Fill(2);
                _cuda.Add(x.Slice(1, count), sum); // an address that is not a multiple of 16
                Assert.Equal(Enumerable.Range(1, count).Select(i => i % 64 - 28f), sum.ToArray());
            }
        }
    }

    [Fact]
    public void ScaleFillClear_AnyCount_ReachEveryElement()
    {
        using var x = _cuda.Allocate(2501);
        Assert.All(x.ToArray(), v => Assert.Equal(0, v));
        x.Fill(3);
        _cuda.Scale(x, -0.5f);
        Assert.All(x.ToArray(), v => Assert.Equal(-1.5f, v));
    }

    private static float[] Values(long count, ulong stream, float scale)
    {
        using var backend = new ReferenceBackend();
        using var tensor = backend.Allocate((int)count);
        ParameterInitializer.Normal(tensor, 1, 3, stream);
        return [.. tensor.ToArray().Select(v => BFloat16.ToSingle(BFloat16.FromSingle(v)) * scale)];
    }

    private static Tensor Activation(Backend backend, Shape shape, ulong stream)
    {
        var tensor = backend.Allocate(shape, backend.ActivationType);
        tensor.CopyFrom(Values(shape.ElementCount, stream, 1));
        return tensor;
    }

    private static Tensor[] Parameters(Backend backend, Shape[] shapes) => [.. shapes.Select((shape, i) =>
    {
        var parameter = backend.Parameter(shape);
        parameter.CopyFrom(Values(shape.ElementCount, (ulong)i, 1));
        return parameter;
    })];

    // Three steps with other gradients each; the gradients must be zero afterwards.
    private static (float[][] Before, float[][] After) Steps(
        Backend backend, Shape[] shapes, Func<Backend, Tensor[], Action> make)
    {
        var parameters = Parameters(backend, shapes);
        var before = parameters.Select(p => p.ToArray()).ToArray();
        var step = make(backend, parameters);
        for (var s = 0; s < 3; s++)
        {
            for (var i = 0; i < parameters.Length; i++)
                parameters[i].Grad!.CopyFrom(Values(parameters[i].ElementCount, (ulong)(100 + (10 * s) + i), 0.3f));
            step();
        }

        foreach (var parameter in parameters) Assert.All(parameter.Grad!.ToArray(), g => Assert.Equal(0, g));
        return (before, [.. parameters.Select(p => p.ToArray())]);
    }

    private static void Check(
        (float[][] Before, float[][] After) expected, (float[][] Before, float[][] After) actual, double tolerance,
        bool compareChange = false)
    {
        for (var i = 0; i < expected.After.Length; i++)
        {
            GpuCase.Near(
                compareChange ? [.. expected.After[i].Zip(expected.Before[i], (a, b) => a - b)] : expected.After[i],
                compareChange ? [.. actual.After[i].Zip(actual.Before[i], (a, b) => a - b)] : actual.After[i], tolerance,
                $"parameter {i}");
        }
    }

    private void Check2(Func<Backend, float[]> run) => GpuCase.Near(run(_reference), run(_cuda), 1e-2, "result");
}
