namespace AutoResearch.Kernels.Tests.Cuda;

public sealed class CubinCacheTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("autoresearch-cubins-").FullName;
    private readonly Clock _clock = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TryRead_Written_IsTheSameInAnotherProcess()
    {
        var kernel = Kernel(1000);
        Cache().Write("a", kernel);
        var read = Cache().TryRead("a");
        Assert.NotNull(read);
        Assert.Equal(kernel.Cubin.ToArray(), read.Cubin.ToArray());
        Assert.Equal(kernel.Log, read.Log);
        Assert.Equal(kernel.LoweredNames, read.LoweredNames);
        Assert.Null(Cache().TryRead("b"));
        Assert.Equal(["a.cubin"], Files());
        // NVIDIA's tools read the file as it is
        Assert.Equal("\u007fELF"u8, File.ReadAllBytes(Path.Combine(_folder, "a.cubin")).AsSpan(0, 4));
    }

    [Fact]
    public void TryRead_AnyByteChanged_IsMissingAndRemoved()
    {
        Cache().Write("a", Kernel(60));
        var whole = File.ReadAllBytes(Path.Combine(_folder, "a.cubin"));
        for (var i = 0; i < whole.Length; i++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[i] ^= 0x40;
            File.WriteAllBytes(Path.Combine(_folder, "a.cubin"), damaged);
            Assert.True(Cache().TryRead("a") is null, $"byte {i}");
            Assert.Empty(Files());
        }
    }

    [Fact]
    public void TryRead_CutOff_IsMissing()
    {
        Cache().Write("a", Kernel(60));
        var whole = File.ReadAllBytes(Path.Combine(_folder, "a.cubin"));
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(Path.Combine(_folder, "a.cubin"), whole[..length]);
            Assert.True(Cache().TryRead("a") is null, $"{length} bytes");
        }
    }

    [Fact]
    public void TryRead_NoElf_IsMissing()
    {
        Cache().Write("a", new CachedKernel("PTX, by mistake"u8.ToArray(), "", new Dictionary<string, string>()));
        Assert.Null(Cache().TryRead("a"));
    }

    [Fact]
    public void Write_BeyondTheLimit_LeastRecentlyUsedGoesFirst()
    {
        var cache = Cache(limit: 3500);
        foreach (var key in (string[])["a", "b", "c"])
        {
            cache.Write(key, Kernel(1000));
            _clock.Advance();
        }

        Assert.NotNull(cache.TryRead("a")); // used again
        _clock.Advance();
        cache.Write("d", Kernel(1000));
        Assert.Equal(["a.cubin", "c.cubin", "d.cubin"], Files());
        cache.Write("large", Kernel(9000));
        Assert.Equal(["large.cubin"], Files());
    }

    [Fact]
    public void Write_TemporaryFilesOfDeadProcesses_AreRemovedAfterAnHour()
    {
        File.WriteAllText(Path.Combine(_folder, "x.1.tmp"), "left");
        File.SetLastWriteTimeUtc(Path.Combine(_folder, "x.1.tmp"), _clock.GetUtcNow().UtcDateTime.AddHours(-2));
        File.WriteAllText(Path.Combine(_folder, "x.2.tmp"), "being written");
        File.SetLastWriteTimeUtc(Path.Combine(_folder, "x.2.tmp"), _clock.GetUtcNow().UtcDateTime.AddMinutes(-1));
        Cache().Write("a", Kernel(10));
        Assert.Equal(["a.cubin", "x.2.tmp"], Files());
    }

    [Fact]
    public void Write_FolderCannotBeMade_NothingHappens()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        var cache = new CubinCache(Path.Combine(file, "sub"), 1000, _clock);
        cache.Write("a", Kernel(10));
        Assert.Null(cache.TryRead("a"));
    }

    [Fact]
    public void ReadAndWrite_FromManyThreads_EveryReadIsWhole()
    {
        var kernels = Enumerable.Range(1, 6).Select(i => Kernel(i * 300)).ToArray();
        var hits = 0;
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, worker =>
        {
            var cache = Cache(limit: 3000); // small, so that files also disappear all the time
            var random = new Random(worker);
            for (var i = 0; i < 60; i++)
            {
                var k = random.Next(kernels.Length);
                if (cache.TryRead($"k{k}") is { } read)
                {
                    Interlocked.Increment(ref hits);
                    Assert.Equal(kernels[k].Cubin.ToArray(), read.Cubin.ToArray());
                }
                else
                {
                    cache.Write($"k{k}", kernels[k]);
                }
            }
        });
        Assert.True(hits > 0);
        Assert.DoesNotContain(Files(), file => file.EndsWith(".tmp", StringComparison.Ordinal));
    }

    private static CachedKernel Kernel(int bytes)
    {
        var cubin = new byte[bytes];
        new Random(bytes).NextBytes(cubin);
        "\u007fELF"u8.CopyTo(cubin);
        return new(cubin, "Used 10 registers – the log",
            new Dictionary<string, string> { ["fill<float, 4>"] = "_Z4fillIfLi4EEvPT_S0_", ["scale"] = "scale" });
    }

    private CubinCache Cache(long limit = 1 << 20) => new(_folder, limit, _clock);

    private string[] Files() =>
        [.. Directory.GetFiles(_folder).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];

    private sealed class Clock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public void Advance() => _now += TimeSpan.FromMinutes(1);

        public override DateTimeOffset GetUtcNow() => _now;
    }
}
