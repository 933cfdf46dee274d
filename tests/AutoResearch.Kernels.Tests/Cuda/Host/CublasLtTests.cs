namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>
/// Against a column-major cuBLASLt on the host: what is checked is that row-major products are asked for rightly.
/// </summary>
public sealed class CublasLtTests : IDisposable
{
    private readonly FakeCuda _cuda = new();
    private readonly CudaDevice _device;

    public CublasLtTests() => _device = _cuda.Open();

    public void Dispose()
    {
        _device.Dispose();
        Assert.Equal((0, 0, 0), (_cuda.Get("lt_objects"), _cuda.Get("lt_handles"), _cuda.Violations));
        _cuda.Dispose();
    }

    [Theory]
    [InlineData(false, false, DType.BFloat16, DType.Float32, 1)]
    [InlineData(false, true, DType.BFloat16, DType.BFloat16, 1)]
    [InlineData(true, false, DType.BFloat16, DType.Float32, 1)]
    [InlineData(true, true, DType.Float32, DType.Float32, 1)]
    [InlineData(false, false, DType.BFloat16, DType.Float32, 3)]
    [InlineData(false, true, DType.BFloat16, DType.Float32, 3)]
    [InlineData(true, false, DType.Float32, DType.BFloat16, 3)]
    public void Matmul_Layouts_EqualTheDefinition(bool transposeA, bool transposeB, DType input, DType output, int batch)
    {
        const int m = 5, n = 7, k = 3, pad = 2;
        long rowA = (transposeA ? m : k) + pad, rowB = (transposeB ? k : n) + pad, rowC = n + 1;
        long sizeA = (transposeA ? k : m) * rowA, sizeB = (transposeB ? n : k) * rowB, sizeC = m * rowC;
        var random = new Random(7);
        var a = Values(random, batch * sizeA);
        var b = Values(random, batch * sizeB);
        var c = Values(random, batch * sizeC);
        var shape = new MatmulShape(m, n, k)
        {
            TransposeA = transposeA, TransposeB = transposeB, Input = input, Output = output, StrideA = rowA, StrideB = rowB,
            StrideC = rowC, Batch = batch, BatchStrideA = sizeA, BatchStrideB = sizeB, BatchStrideC = sizeC,
        };
        using var lt = new CublasLt(_device, 4096);
        using var bufferA = Upload(a, input);
        using var bufferB = Upload(b, input);
        using var bufferC = Upload(c, output);

        lt.Matmul(_device.Stream, shape, bufferA.Address, bufferB.Address, bufferC.Address, 0.5f, 2f);

        var actual = Download(bufferC, c.Length, output);
        for (var z = 0; z < batch; z++)
        {
            for (var i = 0; i < m; i++)
            {
                for (var j = 0; j < rowC; j++)
                {
                    var at = (z * sizeC) + (i * rowC) + j;
                    var expected = (double)c[at];
                    if (j < n)
                    {
                        expected *= 2;
                        for (var t = 0; t < k; t++)
                            expected += 0.5 * a[(z * sizeA) + (transposeA ? (t * rowA) + i : (i * rowA) + t)]
                                * b[(z * sizeB) + (transposeB ? (j * rowB) + t : (t * rowB) + j)];
                    }

                    Assert.Equal(expected, actual[at], output == DType.BFloat16 ? 0.07 : 1e-5);
                }
            }
        }
    }

    [Fact]
    public void Matmul_SameShape_AsksTheHeuristicOnce()
    {
        using var lt = new CublasLt(_device, 4096);
        using var buffer = new CudaBuffer(_device, 4096);
        buffer.Fill(0);
        var shape = new MatmulShape(4, 4, 4);
        for (var i = 0; i < 3; i++) lt.Matmul(_device.Stream, shape, buffer.Address, buffer.Address, buffer.Address + 1024);
        lt.Matmul(_device.Stream, shape with { M = 5 }, buffer.Address, buffer.Address, buffer.Address + 1024);
        Assert.Equal((2, 2), (lt.PlanCount, (int)_cuda.Get("lt_heuristics")));
        Assert.Equal(120400, lt.Version);

        // Less aligned memory may need another algorithm. A and B are exchanged, for cuBLASLt thinks in columns.
        lt.Matmul(_device.Stream, shape, buffer.Address + 64, buffer.Address + 16, buffer.Address + 1024 + 32);
        Assert.Equal((16, 64, 32), (_cuda.Get("lt_alignment_a"), _cuda.Get("lt_alignment_b"), _cuda.Get("lt_alignment_c")));
        Assert.Equal(3, lt.PlanCount);
    }

    [Fact]
    public void Matmul_SharedSums_StayInSinglePrecision()
    {
        using var lt = new CublasLt(_device, 4096);
        using var a = Upload([256, 1, 1, 0], DType.BFloat16); // 257 lies between two numbers of bfloat16, 258 is one
        using var b = Upload([1, 1, 1, 1], DType.BFloat16);
        using var c = Upload([0], DType.BFloat16);
        lt.Matmul(_device.Stream, new MatmulShape(1, 1, 4), a.Address, b.Address, c.Address);
        Assert.Equal([258f], Download(c, 1, DType.BFloat16));
    }

    [Fact]
    public void Matmul_Captured_IsPartOfTheGraph()
    {
        using var lt = new CublasLt(_device, 4096);
        using var a = Upload([1, 2, 3, 4], DType.Float32);
        using var c = Upload([0, 0, 0, 0], DType.Float32);
        var shape = new MatmulShape(2, 2, 2) { Input = DType.Float32, Output = DType.Float32 };
        using var graph = CudaGraph.Capture(_device.Stream,
            () => lt.Matmul(_device.Stream, shape, a.Address, a.Address, c.Address, beta: 1));
        graph.Launch(_device.Stream);
        graph.Launch(_device.Stream);
        Assert.Equal([14f, 20, 30, 44], Download(c, 4, DType.Float32));
    }

    [Fact]
    public void Matmul_NoAlgorithm_SaysWhatIsNeeded()
    {
        using var lt = new CublasLt(_device, 4096);
        using var buffer = new CudaBuffer(_device, 4096);
        var error = Assert.Throws<CudaException>(() =>
            lt.Matmul(_device.Stream, new MatmulShape(4, 4, 4), buffer.Address, buffer.Address + 2, buffer.Address));
        Assert.Equal("CUBLAS_STATUS_NOT_SUPPORTED", error.ErrorName);
        Assert.Contains("matmul 4×4×4 NN BFloat16→BFloat16", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, lt.PlanCount);
    }

    [Fact]
    public void Matmul_ImpossibleShape_IsNamed()
    {
        using var lt = new CublasLt(_device, 4096);
        MatmulShape[] shapes =
        [
            new(0, 4, 4), new(4, 4, 4) { StrideA = 3 }, new(4, 4, 4) { StrideB = 3 }, new(4, 4, 4) { StrideC = 3 },
            new(4, 4, 4) { Batch = 2, BatchStrideC = 15 }, new(4, 4, 4) { Input = DType.Int32 }, default,
        ];
        foreach (var shape in shapes)
            Assert.Throws<ArgumentException>(() => lt.Matmul(_device.Stream, shape, 0x1000, 0x1000, 0x1000));
        Assert.Equal(0, _cuda.Get("lt_heuristics"));
    }

    [Fact]
    public void Constructor_LibraryMissingOrBroken_NothingLeaks()
    {
        _cuda.Fail("cublasLtCreate", 1);
        Assert.Contains("version and the driver's must fit",
            Assert.Throws<CudaException>(() => new CublasLt(_device, 4096)).Message, StringComparison.Ordinal);
        Assert.Equal(0, _device.Memory.UsedBytes);

        using var other = new FakeCuda();
        File.Delete(Path.Combine(other.Folder, "libcublasLt.so.12"));
        using var device = other.Open();
        var error = Assert.Throws<CudaNotFoundException>(() => new CublasLt(device));
        Assert.Equal(CudaComponent.CublasLt, error.Component);
        Assert.Contains(other.Folder, error.Message, StringComparison.Ordinal);
    }

    private CudaBuffer Upload(float[] values, DType type) => type == DType.Float32
        ? CudaBuffer.Of<float>(_device, values)
        : CudaBuffer.Of<ushort>(_device, BFloat16.FromSingles(values));

    private static float[] Download(CudaBuffer buffer, int count, DType type)
    {
        var values = new float[count];
        if (type == DType.Float32)
        {
            buffer.CopyTo<float>(values);
            return values;
        }

        var bits = new ushort[count];
        buffer.CopyTo<ushort>(bits);
        BFloat16.ToSingles(bits, values);
        return values;
    }

    // Small multiples of 1/8: exact in bfloat16.
    private static float[] Values(Random random, long count)
    {
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = random.Next(-16, 17) / 8f;
        return values;
    }
}
