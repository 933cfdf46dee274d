using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels;

/// <summary>
/// A few threads that share the tasks of one piece of work at a time. Between two pieces they spin for a short while and then
/// sleep. Running work allocates nothing.
/// </summary>
internal sealed unsafe class ThreadTeam : IDisposable
{
    private const int Spins = 2000;

    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private delegate*<void*, int, void> _execute;
    private void* _work;
    private int _tasks;
    private int _next;
    private int _active;
    private int _sleeping;
    private volatile bool _open;
    private volatile int _round;
    private volatile bool _stop;
    private volatile Exception? _failure;

    /// <summary>The calling thread by itself: what a task uses that runs a parallel operation.</summary>
    internal static ThreadTeam Alone { get; } = new(1);

    internal ThreadTeam(int threads)
    {
        _threads = new Thread[threads - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Loop) { IsBackground = true, Name = $"AutoResearch.Kernels {i + 1}" };
            _threads[i].Start();
        }
    }

    /// <summary>Threads that compute, the caller's included.</summary>
    internal int Threads => _threads.Length + 1;

    /// <summary>Runs tasks 0..tasks-1 and returns when all are done.</summary>
    internal void Run<T>(int tasks, in T work) where T : unmanaged, IParallelWork
    {
        if (tasks <= 1 || _threads.Length == 0)
        {
            for (var i = 0; i < tasks; i++) Unsafe.AsRef(in work).Execute(i);
            return;
        }

        fixed (T* state = &work)
        {
            _work = state;
            _execute = &Invoke<T>;
            _tasks = tasks;
            _next = 0;
            _open = true;
            Interlocked.Increment(ref _round);
            var sleeping = Interlocked.Exchange(ref _sleeping, 0);
            if (sleeping > 0) _wake.Release(sleeping);
            Take();

            // Only threads that have entered are waited for: one that the system has not scheduled yet finds the round closed.
            _open = false;
            Interlocked.MemoryBarrier();
            var spinner = new SpinWait();
            while (Volatile.Read(ref _active) != 0) spinner.SpinOnce(-1);
        }

        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException("A task of a parallel operation failed: " + failure.Message, failure);
        }
    }

    public void Dispose()
    {
        if (_stop) return;
        _stop = true;
        Interlocked.Increment(ref _round);
        _wake.Release(_threads.Length + 1);
        foreach (var thread in _threads) thread.Join();
        _wake.Dispose();
    }

    private static void Invoke<T>(void* work, int task) where T : unmanaged, IParallelWork => ((T*)work)->Execute(task);

    private void Take()
    {
        try
        {
            for (var task = Interlocked.Increment(ref _next) - 1; task < _tasks; task = Interlocked.Increment(ref _next) - 1)
                _execute(_work, task);
        }
        catch (Exception e)
        {
            _failure = e;
        }
    }

    private void Loop()
    {
        var seen = 0;
        while (true)
        {
            for (var i = 0; _round == seen && i < Spins; i++) Thread.SpinWait(8);
            while (_round == seen)
            {
                // Announce first, look again, then sleep: a round started in between finds the announcement.
                Interlocked.Increment(ref _sleeping);
                if (_round == seen) _wake.Wait();
                else if (!TryWithdraw()) _wake.Wait();
            }

            seen = _round;
            if (_stop) return;
            Interlocked.Increment(ref _active);
            if (_open) Take();
            Interlocked.Decrement(ref _active);
        }
    }

    // Takes back an announcement of sleep unless the caller of Run has already counted it.
    private bool TryWithdraw()
    {
        for (var n = Volatile.Read(ref _sleeping); n > 0; n = Volatile.Read(ref _sleeping))
            if (Interlocked.CompareExchange(ref _sleeping, n - 1, n) == n) return true;
        return false;
    }
}
