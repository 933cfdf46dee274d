using System.Buffers.Binary;
using System.Text;
using AutoResearch.Kernels;
using AutoResearch.Tests;
using FsCheck.Fluent;

namespace AutoResearch.Pretraining.Tests;

public sealed class SafeTensorsFileTests : IDisposable
{
    private readonly CpuBackend _backend = new(new CpuBackendOptions { Threads = 1 });
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("{\"__metadata__\":[]}")]
    [InlineData("{\"__metadata__\":{\"a\":\"\\ud800\"}}")]
    [InlineData("{\"a\":7}")]
    [InlineData("{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999],\"data_offsets\":[0,8]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[9223372036854775807,-9223372036854775801]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}")]
    public void Load_ImpossibleHeader_NamesTheFile(string header)
    {
        var text = Encoding.UTF8.GetBytes(header);
        Refused([.. Length(text.Length), .. text, .. new byte[16]]);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(99_999_999)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void Load_ImpossibleHeaderLength_IsRefusedWithoutReservingIt(long length)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refused([.. Length(length), .. new byte[64]]);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Fact]
    public void Load_RandomBytes_IsRefused() => Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
    {
        var random = new Random(seed);
        var content = new byte[random.Next(200)];
        random.NextBytes(content);
        if (content.Length > 8 && seed % 2 == 0) Length(random.Next(content.Length)).CopyTo(content, 0); // reaches the parser
        Refused(content);
    }).Verify(200);

    [Fact]
    public void Load_CutAnywhere_IsRefusedAndChangesNothing()
    {
        var whole = Saved();
        Prop.ForAll(Gen.Choose(0, whole.Length - 1).ToArbitrary(), length => Refused(whole[..length])).Verify(200);
    }

    [Fact]
    public void Load_OneByteChanged_LoadsOrIsRefused()
    {
        var whole = Saved();
        Prop.ForAll(Gen.Choose(0, whole.Length - 1).ToArbitrary(), Gen.Choose(1, 255).ToArbitrary(), (place, change) =>
        {
            var content = whole.ToArray();
            content[place] ^= (byte)change;
            if (Record.Exception(() => Load(content)) is { } error)
                Assert.Contains(FilePath, Assert.IsType<InvalidDataException>(error).Message, StringComparison.Ordinal);
        }).Verify(400);
    }

    private string FilePath => Path.Combine(_folder.Path, "x.safetensors");

    private static byte[] Length(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return bytes;
    }

    private byte[] Saved()
    {
        using Tensor a = _backend.Allocate(new Shape(2)), b = _backend.Allocate(new Shape(2));
        SafeTensorsFile.Save(FilePath, [("a", a), ("b", b)], new Dictionary<string, string> { ["step"] = "3" });
        return File.ReadAllBytes(FilePath);
    }

    private float[] Load(byte[] content)
    {
        File.WriteAllBytes(FilePath, content);
        using Tensor a = _backend.Allocate(new Shape(2)), b = _backend.Allocate(new Shape(2));
        a.Fill(5);
        try
        {
            SafeTensorsFile.Load(FilePath, [("a", a), ("b", b)]);
        }
        catch
        {
            Assert.Equal([5f, 5f], a.ToArray());
            throw;
        }

        return [.. a.ToArray(), .. b.ToArray()];
    }

    private void Refused(byte[] content)
    {
        var message = Assert.Throws<InvalidDataException>(() => Load(content)).Message;
        Assert.Contains(FilePath, message, StringComparison.Ordinal);
    }
}
