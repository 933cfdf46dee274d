using System.Runtime.InteropServices;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>On lazy streams: work is done as late as the rules allow, so whatever is not waited for shows old data.</summary>
public sealed unsafe class CudaUploaderTests : IDisposable
{
    private readonly FakeCuda _cuda = new(("lazy", 1));
    private readonly CudaDevice _device;

    public CudaUploaderTests()
    {
        _device = _cuda.Open();
        _cuda.Kernel("scale", "pfi", &FakeKernels.Scale);
    }

    public void Dispose()
    {
        _device.Dispose();
        Assert.Equal((0, 0), (_cuda.Get("pinned"), _cuda.Violations));
        _cuda.Dispose();
    }

    [Theory]
    [InlineData(64, 2)]
    [InlineData(64, 3)]
    [InlineData(24, 2)]
    public void Upload_ManyBatches_EveryStepSeesItsOwn(int slotBytes, int slots)
    {
        using var uploader = new CudaUploader(_device, slotBytes, slots);
        using var module = new CudaModule(_device, FakeKernels.Cubin);
        using var batch = new CudaBuffer(_device, 64);
        using var results = new CudaBuffer(_device, 20 * 64);
        var scale = module.Function("scale");
        var host = new float[16];
        for (var step = 0; step < 20; step++)
        {
            Array.Fill(host, step + 1);
            uploader.Upload(MemoryMarshal.AsBytes(host.AsSpan()), batch.Address, _device.Stream);
            Array.Fill(host, float.NaN); // the source may be changed at once
            scale.Launch(_device.Stream, new(1, 16), batch, 10f, 16);
            _device.Stream.Copy(batch.Address, results.Address + (step * 64), 64);
        }

        var values = new float[20 * 16];
        results.CopyTo<float>(values);
        for (var i = 0; i < values.Length; i++) Assert.Equal(10 * ((i / 16) + 1), values[i]);
    }

    [Fact]
    public void Upload_SlotStillCopied_OtherSlotIsFilledMeanwhile()
    {
        using var uploader = new CudaUploader(_device, 64);
        using var first = new CudaBuffer(_device, 64);
        using var second = new CudaBuffer(_device, 64);
        uploader.Upload(new byte[64], first.Address, _device.Stream);
        uploader.Upload(new byte[64], second.Address, _device.Stream);
        Assert.True(_cuda.Get("pending") >= 2); // nothing was waited for
    }

    [Fact]
    public void Upload_AfterAFault_ThrowsTheFaultAndDisposes()
    {
        using var cuda = new FakeCuda(("launch_fault_at", 1));
        using var device = cuda.Open();
        cuda.Kernel("scale", "pfi", &FakeKernels.Scale);
        using var module = new CudaModule(device, FakeKernels.Cubin);
        using var uploader = new CudaUploader(device, 64);
        using var batch = new CudaBuffer(device, 64);
        module.Function("scale").Launch(device.Stream, new(1, 16), batch, 10f, 16);
        Assert.Throws<CudaException>(device.Synchronize);
        Assert.True(Assert.Throws<CudaException>(() => uploader.Upload(new byte[64], batch.Address, device.Stream)).IsSticky);
    }

    [Fact]
    public void PinnedBuffer_New_IsZeroAndWritable()
    {
        using var pinned = new PinnedBuffer(_device, 100);
        Assert.All(pinned.Span.ToArray(), value => Assert.Equal(0, value));
        pinned.Span.Fill(3);
        Assert.Equal(3, ((byte*)pinned.Address)[99]);
        Assert.Throws<ArgumentOutOfRangeException>(() => new PinnedBuffer(_device, 0));
    }
}
