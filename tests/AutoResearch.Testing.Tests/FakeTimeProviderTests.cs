using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class FakeTimeProviderTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void Advance_Timers_FireInOrderAtTheirOwnTimes()
    {
        var clock = new FakeTimeProvider();
        var fired = new List<(string Name, double Seconds)>();
        ITimer Timer(string name, int due, int period) => clock.CreateTimer(
            _ => fired.Add((name, (clock.GetUtcNow() - clock.Start).TotalSeconds)), null, TimeSpan.FromSeconds(due),
            TimeSpan.FromSeconds(period));
        using var late = Timer("late", 7, -1);
        using var often = Timer("often", 3, 3);
        using var never = Timer("never", 20, -1);
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal([("often", 3), ("often", 6), ("late", 7), ("often", 9)], fired);
        Assert.Equal(2, clock.ActiveTimers);
        Assert.Equal(TimeSpan.FromSeconds(10), clock.GetElapsedTime(0));
    }

    [Fact]
    public async Task Advance_Delay_CompletesNotBefore()
    {
        var clock = new FakeTimeProvider();
        var delay = Task.Delay(TimeSpan.FromHours(1), clock, Stop);
        await clock.WaitForTimersAsync(1, Stop);
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.False(delay.IsCompleted);
        clock.Advance(TimeSpan.FromMinutes(1));
        await delay;
    }

    [Fact]
    public void SetUtcNow_ClockJumps_TimersKeepTheTimeLeft()
    {
        var clock = new FakeTimeProvider();
        var fired = 0;
        using var timer = clock.CreateTimer(_ => fired++, null, TimeSpan.FromSeconds(10), Timeout.InfiniteTimeSpan);
        clock.SetUtcNow(clock.Start - TimeSpan.FromDays(1));
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(0, fired);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, fired);
    }

    [Fact]
    public void Dispose_Timer_DoesNotFire()
    {
        var clock = new FakeTimeProvider();
        var fired = 0;
        clock.CreateTimer(_ => fired++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)).Dispose();
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0, fired);
        Assert.Throws<ArgumentOutOfRangeException>(() => clock.Advance(TimeSpan.FromSeconds(-1)));
    }
}
