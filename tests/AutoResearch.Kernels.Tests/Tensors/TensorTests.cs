namespace AutoResearch.Kernels.Tests;

public sealed class TensorTests
{
    [Fact]
    public void Slice_Rows_SharesMemoryAndGradient()
    {
        using var backend = new ReferenceBackend();
        using var p = backend.Parameter((4, 3));
        var rows = p.Slice(1, 2);
        rows.Fill(5);
        rows.Grad!.Fill(7);
        Assert.Equal([0, 0, 0, 5, 5, 5, 5, 5, 5, 0, 0, 0], p.ToArray());
        Assert.Equal([0, 0, 0, 7, 7, 7, 7, 7, 7, 0, 0, 0], p.Grad!.ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => p.Slice(3, 2));
    }

    [Fact]
    public void Dispose_Owner_ViewsAreInvalid()
    {
        using var backend = new ReferenceBackend();
        var p = backend.Parameter((4, 3), "weight");
        var view = p.View(12);
        p.Dispose();
        Assert.Throws<ObjectDisposedException>(() => view.ToArray());
    }

    [Fact]
    public void Operation_WrongShape_NamesTheTensorAndBothShapes()
    {
        using var backend = new ReferenceBackend();
        using var x = backend.Allocate((2, 3));
        using var w = backend.Allocate((5, 4));
        using var y = backend.Allocate((2, 5));
        var message = Assert.Throws<ArgumentException>(() => backend.Linear(x, w, y)).Message;
        Assert.Contains("weight must have 5 rows of 3 elements", message, StringComparison.Ordinal);
        Assert.Contains("[5, 4]", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Embedding_TokenOutsideTable_NamesTheToken()
    {
        using var backend = new CpuBackend(new() { Threads = 1 });
        using var tape = new Tape(backend);
        using var table = backend.Parameter((5, 4));
        var message = Assert.Throws<ArgumentException>(() => tape.Embedding(table, tape.Input([0, 5], 2))).Message;
        Assert.Contains("Token 5 at position 1 lies outside 0..4", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Normal_ManyValues_HasTheMomentsAndIgnoresTheBackend()
    {
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(new() { Threads = 2 });
        using var a = reference.Allocate(100_003);
        using var b = cpu.Allocate(100_003);
        ParameterInitializer.Normal(a, 2, 5, 9);
        ParameterInitializer.Normal(b, 2, 5, 9);
        var values = a.ToArray();
        Assert.Equal(values, b.ToArray());
        Assert.Equal(0, values.Average(), 0.03);
        Assert.Equal(4, values.Average(v => (double)v * v), 0.06);
        Assert.Equal(values.Length, values.Distinct().Count(), values.Length / 50.0);
    }
}
