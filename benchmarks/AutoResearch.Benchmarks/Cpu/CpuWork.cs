using System.Diagnostics;
using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>One of our operations at a shape, ready to be called again and again.</summary>
internal abstract class CpuWork : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    /// <summary>What must be done before each call and is not measured.</summary>
    public virtual void Prepare()
    {
    }

    /// <summary>The call that is measured.</summary>
    public abstract void Run();

    /// <summary>Seconds of one call, averaged over at least this time and one call.</summary>
    public double Measure(double seconds)
    {
        var (calls, spent) = (0, 0L);
        do
        {
            Prepare();
            var start = Stopwatch.GetTimestamp();
            Run();
            spent += Stopwatch.GetTimestamp() - start;
            calls++;
        }
        while (spent < seconds * Stopwatch.Frequency);
        return (double)spent / Stopwatch.Frequency / calls;
    }

    public void Dispose()
    {
        for (var i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Ties the life of a part to this object's.</summary>
    protected T Own<T>(T part) where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }

    /// <summary>A tensor of normally distributed values.</summary>
    protected Tensor Random(Backend backend, Shape shape, ulong stream, float deviation = 1)
    {
        var tensor = Own(backend.Allocate(shape));
        ParameterInitializer.Normal(tensor, deviation, 1, stream);
        return tensor;
    }
}
