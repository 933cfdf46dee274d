namespace AutoResearch.Kernels.Tests.Cuda;

public sealed class CudaMemoryTests : IDisposable
{
    private const long Mebibyte = 1 << 20;

    private readonly FakeCuda _cuda = new(("total_memory", 64 * Mebibyte));
    private readonly CudaDevice _device;

    public CudaMemoryTests() => _device = _cuda.Open();

    public void Dispose()
    {
        _device.Dispose();
        Assert.Equal((0, 0), (_cuda.Get("blocks"), _cuda.Violations));
        _cuda.Dispose();
    }

    [Fact]
    public void Allocate_SmallBlocks_ShareASegment()
    {
        var memory = _device.Memory;
        var addresses = Enumerable.Range(0, 1000).Select(_ => memory.Allocate(700)).ToArray();
        Assert.Equal(1000, addresses.Distinct().Count());
        Assert.All(addresses, address => Assert.Equal(0, address % 512));
        Assert.Equal(1000 * 1024, memory.UsedBytes);
        Assert.Equal(1, _cuda.Get("cuMemAlloc"));
        foreach (var address in addresses) memory.Free(address);
        Assert.Equal((0, 2 * Mebibyte), (memory.UsedBytes, memory.ReservedBytes));
        Assert.Equal(1000 * 1024, memory.PeakBytes);
    }

    [Fact]
    public void Allocate_SteadyState_AsksTheDriverNoMore()
    {
        var memory = _device.Memory;
        for (var step = 0; step < 5; step++)
        {
            var a = memory.Allocate(3 * Mebibyte);
            var b = memory.Allocate(100_000);
            var c = memory.Allocate(20 * Mebibyte);
            memory.Free(b);
            memory.Free(a);
            memory.Free(c);
        }

        Assert.Equal(2, _cuda.Get("cuMemAlloc")); // a segment of small blocks and one of large
        Assert.Equal(0, _cuda.Get("cuMemFree"));
    }

    // A model of the allocator: blocks never overlap, all of them lie in the driver's memory, and after all are freed one whole
    // block is left in each segment, which only joining makes.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AllocateAndFree_AtRandom_BlocksNeverOverlapAndJoinAgain(int seed)
    {
        var memory = _device.Memory;
        var random = new Random(seed);
        var held = new List<(nint Address, long Bytes)>();
        for (var i = 0; i < 3000; i++)
        {
            if (held.Count > 0 && random.Next(5) < 2)
            {
                var victim = random.Next(held.Count);
                memory.Free(held[victim].Address);
                held.RemoveAt(victim);
                continue;
            }

            var bytes = 1L << random.Next(4, 15);
            bytes += random.Next((int)bytes);
            held.Add((memory.Allocate(bytes), bytes));
        }

        var sorted = held.OrderBy(block => block.Address).ToArray();
        for (var i = 1; i < sorted.Length; i++) Assert.True(sorted[i - 1].Address + sorted[i - 1].Bytes <= sorted[i].Address);
        foreach (var block in held) _device.Stream.Fill8(block.Address, 1, block.Bytes);
        _device.Synchronize(); // the fake refuses addresses outside of its memory
        Assert.Equal(held.Sum(block => (block.Bytes + 511) / 512 * 512), memory.UsedBytes);
        foreach (var block in held) memory.Free(block.Address);
        Assert.Equal(0, memory.UsedBytes);
        memory.Trim();
        Assert.Equal(0, memory.ReservedBytes);
    }

    [Fact]
    public void Allocate_NotEnough_ThrowsWithSizesAndRecovers()
    {
        var memory = _device.Memory;
        var held = memory.Allocate(40 * Mebibyte);
        var error = Assert.Throws<CudaOutOfMemoryException>(() => memory.Allocate(30 * Mebibyte));
        Assert.Equal((30 * Mebibyte, 24 * Mebibyte, 64 * Mebibyte), (error.RequestedBytes, error.FreeBytes, error.TotalBytes));
        Assert.Contains("asked for 30.0 MiB; 24.0 MiB of 64.0 MiB are free; this process's tensors use 40.0 MiB", error.Message,
            StringComparison.Ordinal);
        Assert.False(_device.IsUnusable);
        memory.Free(held);
        memory.Free(memory.Allocate(60 * Mebibyte)); // the kept 40 MiB go back to the driver first
    }

    [Theory]
    [InlineData("cuMemHostAlloc", 4096)]
    [InlineData("cuStreamCreateWithPriority", 0)]
    public void AnyCall_RunsOutOfMemory_IsTheSameException(string call, long requested)
    {
        const int outOfMemory = 2;
        _cuda.Fail(call, outOfMemory);
        var error = Assert.Throws<CudaOutOfMemoryException>(() =>
        {
            using var pinned = new PinnedBuffer(_device, 4096);
            using var stream = new CudaStream(_device);
        });
        Assert.Equal((requested, 64 * Mebibyte), (error.RequestedBytes, error.TotalBytes));
        Assert.Contains(call, error.Message, StringComparison.Ordinal);
        Assert.IsAssignableFrom<OutOfMemoryException>(error);
        Assert.False(_device.IsUnusable);
    }

    [Fact]
    public void Allocate_OthersWereForgotten_TheirFinalizersMakeRoom()
    {
        Forget();
        _device.Memory.Free(_device.Memory.Allocate(60 * Mebibyte));
        void Forget() => _ = new CudaBuffer(_device, 50 * Mebibyte);
    }

    [Fact]
    public void Allocate_WholeSegmentDoesNotFit_TakesJustEnough()
    {
        var held = _device.Memory.Allocate(50 * Mebibyte);
        var small = _device.Memory.Allocate(4 * Mebibyte); // its segment of 32 MiB would not fit
        Assert.Equal(54 * Mebibyte, _device.Memory.ReservedBytes);
        _device.Memory.Free(held);
        _device.Memory.Free(small);
    }

    [Fact]
    public void Allocate_BeforeReuseUnderPressure_WaitsForTheDevice()
    {
        _cuda.Set("lazy", 1);
        var memory = _device.Memory;
        var first = memory.Allocate(40 * Mebibyte);
        _device.Stream.Fill8(first, 1, 40 * Mebibyte);
        memory.Free(first);
        Assert.Equal(1, _cuda.Get("pending"));
        memory.Free(memory.Allocate(50 * Mebibyte));
        Assert.Equal(0, _cuda.Get("pending"));
    }

    [Fact]
    public void Free_Twice_Throws()
    {
        var address = _device.Memory.Allocate(100);
        _device.Memory.Free(address);
        Assert.Contains("freed twice", Assert.Throws<ArgumentException>(() => _device.Memory.Free(address)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => _device.Memory.Allocate(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _device.Memory.Allocate(-5));
    }

    [Fact]
    public void Allocate_BeyondInt32_KeepsAllBits()
    {
        _cuda.Set("total_memory", 5L << 30);
        _cuda.Set("no_poison", 1); // pages that are not touched cost nothing
        var beyond = (nint)4 << 30;
        using var buffer = new CudaBuffer(_device, beyond + 4096);
        _device.Stream.Fill32(buffer.Address + beyond, 7, 1024);
        var tail = new int[1024];
        _device.Stream.CopyToHost(buffer.Address + beyond, System.Runtime.InteropServices.MemoryMarshal.AsBytes(tail.AsSpan()));
        Assert.All(tail, value => Assert.Equal(7, value));
    }

    [Fact]
    public void Buffer_Copies_CheckTheirSize()
    {
        using var buffer = CudaBuffer.Of<int>(_device, [1, 2, 3]);
        var values = new int[3];
        buffer.CopyTo<int>(values);
        Assert.Equal([1, 2, 3], values);
        Assert.Throws<ArgumentException>(() => buffer.CopyTo<int>(new int[4]));
        Assert.Throws<ArgumentException>(() => buffer.CopyFrom<int>(new int[4]));
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Address);
    }
}
