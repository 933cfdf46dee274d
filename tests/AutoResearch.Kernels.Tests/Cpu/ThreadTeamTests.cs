using AutoResearch.Tests;

namespace AutoResearch.Kernels.Tests;

public sealed unsafe class ThreadTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Run_ManyRounds_EveryTaskIsDoneOnce(int threads)
    {
        using var team = new ThreadTeam(threads);
        Assert.Equal(threads, team.Threads);
        var random = new Random(1);
        var counts = stackalloc int[64];
        for (var round = 0; round < 3000; round++)
        {
            var tasks = random.Next(64);
            new Span<int>(counts, 64).Clear();
            team.Run(tasks, new CountWork { Counts = counts });
            for (var i = 0; i < 64; i++) Assert.Equal(i < tasks ? 1 : 0, counts[i]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_ATaskFails_ThrowsAndTheTeamGoesOn(int threads)
    {
        using var team = new ThreadTeam(threads);
        var counts = stackalloc int[40];
        for (var round = 0; round < 50; round++)
        {
            var error = Assert.ThrowsAny<Exception>(() => Fail(team, round % 40));
            Assert.Contains("task " + (round % 40), error.ToString(), StringComparison.Ordinal);
            new Span<int>(counts, 40).Clear();
            team.Run(40, new CountWork { Counts = counts });
            for (var i = 0; i < 40; i++) Assert.Equal(1, counts[i]);
        }
    }

    [Fact]
    public void Run_AfterALongPause_WakesTheSleepers()
    {
        using var team = new ThreadTeam(3);
        var arrived = new CountdownEvent(3);
        for (var round = 0; round < 3; round++)
        {
            // Every thread must take one of three tasks that wait for each other; one that slept on would leave them waiting.
            arrived.Reset();
            var handle = System.Runtime.InteropServices.GCHandle.Alloc(arrived);
            try
            {
                team.Run(3, new MeetWork { Handle = System.Runtime.InteropServices.GCHandle.ToIntPtr(handle) });
            }
            finally
            {
                handle.Free();
            }

            Assert.True(arrived.IsSet);
            TestContext.Current.CancellationToken.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(30));
        }
    }

    [Fact]
    public void Run_Warm_AllocatesNothing()
    {
        using var team = new ThreadTeam(2);
        var counts = (nint)System.Runtime.InteropServices.NativeMemory.AllocZeroed(64, sizeof(int));
        Allocations.None(() => team.Run(64, new CountWork { Counts = (int*)counts }));
        System.Runtime.InteropServices.NativeMemory.Free((void*)counts);
    }

    private static void Fail(ThreadTeam team, int task) => team.Run(40, new FailWork { Task = task });

    private struct CountWork : IParallelWork
    {
        internal int* Counts;

        public readonly void Execute(int task) => Interlocked.Increment(ref Counts[task]);
    }

    private struct FailWork : IParallelWork
    {
        internal int Task;

        public readonly void Execute(int task)
        {
            if (task == Task) throw new InvalidDataException("task " + task);
        }
    }

    private struct MeetWork : IParallelWork
    {
        internal nint Handle;

        public readonly void Execute(int task)
        {
            var arrived = (CountdownEvent)System.Runtime.InteropServices.GCHandle.FromIntPtr(Handle).Target!;
            arrived.Signal();
            Assert.True(arrived.Wait(TimeSpan.FromSeconds(60)), "not every thread came");
        }
    }
}
