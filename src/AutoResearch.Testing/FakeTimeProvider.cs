namespace AutoResearch.Testing;

/// <summary>
/// A clock that stands still until a test moves it. Timers, <c>Task.Delay</c> and timeouts that take a
/// <see cref="TimeProvider"/> fire during <see cref="Advance"/>, in the order of their due times. Thread-safe.
/// </summary>
public sealed class FakeTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<FakeTimer> _timers = [];
    private readonly List<(int Count, TaskCompletionSource Signal)> _waiters = [];
    private DateTimeOffset _now;
    private long _order;

    /// <summary>Creates a clock that shows 2025-01-01 00:00 UTC.</summary>
    public FakeTimeProvider() : this(new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero)) { }

    /// <summary>Creates a clock that shows <paramref name="start"/>.</summary>
    public FakeTimeProvider(DateTimeOffset start) => (Start, _now) = (start, start);

    /// <summary>What the clock showed at first.</summary>
    public DateTimeOffset Start { get; }

    /// <summary>By how much every reading of the clock moves it on. Default: not at all.</summary>
    public TimeSpan AutoAdvance { get; set; }

    /// <summary>The number of timers that wait to fire.</summary>
    public int ActiveTimers
    {
        get
        {
            lock (_lock) return _timers.Count;
        }
    }

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        DateTimeOffset now;
        lock (_lock) now = _now;
        if (AutoAdvance > TimeSpan.Zero) Advance(AutoAdvance);
        return now;
    }

    /// <inheritdoc/>
    public override long GetTimestamp() => (GetUtcNow() - Start).Ticks;

    /// <summary>Moves the clock on and fires every timer that falls due on the way, each at its own time.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="by"/> is negative; <see cref="SetUtcNow"/> turns the
    /// clock back.</exception>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        DateTimeOffset end;
        lock (_lock) end = _now + by;
        while (TakeDue(end) is { } timer) timer.Fire(); // callbacks run outside the lock: they may start new timers
        lock (_lock)
        {
            if (_now < end) _now = end;
        }
    }

    /// <summary>
    /// Sets the clock, backwards too, without firing anything: a clock that jumps. Timers keep the time they have left.
    /// </summary>
    public void SetUtcNow(DateTimeOffset value)
    {
        lock (_lock)
        {
            var jump = value - _now;
            _now = value;
            foreach (var timer in _timers) timer.Due += jump;
        }
    }

    /// <summary>
    /// Completes as soon as <paramref name="count"/> timers wait, so that a test can advance without sleeping first.
    /// </summary>
    public Task WaitForTimersAsync(int count = 1, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            if (_timers.Count >= count) return Task.CompletedTask;
            var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((count, signal));
            return signal.Task.WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new FakeTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private FakeTimer? TakeDue(DateTimeOffset end)
    {
        lock (_lock)
        {
            var next = _timers.Where(t => t.Due <= end).OrderBy(t => t.Due).ThenBy(t => t.Order).FirstOrDefault();
            if (next is null) return null;
            if (_now < next.Due) _now = next.Due;
            if (next.Period > TimeSpan.Zero) next.Due += next.Period;
            else _timers.Remove(next);
            return next;
        }
    }

    private void Schedule(FakeTimer timer, TimeSpan dueTime, TimeSpan period)
    {
        TaskCompletionSource[] ready;
        var immediately = dueTime == TimeSpan.Zero;
        lock (_lock)
        {
            _timers.Remove(timer);
            if (timer.IsDisposed || dueTime < TimeSpan.Zero) return;
            timer.Period = period > TimeSpan.Zero ? period : TimeSpan.Zero;
            timer.Due = _now + (immediately ? timer.Period : dueTime);
            timer.Order = _order++;
            if (!immediately || timer.Period > TimeSpan.Zero) _timers.Add(timer);
            ready = [.. _waiters.Where(w => w.Count <= _timers.Count).Select(w => w.Signal)];
            _waiters.RemoveAll(w => w.Count <= _timers.Count);
        }
        foreach (var signal in ready) signal.TrySetResult();
        if (immediately) ThreadPool.QueueUserWorkItem(static t => t.Fire(), timer, preferLocal: false);
    }

    private sealed class FakeTimer(FakeTimeProvider clock, TimerCallback callback, object? state) : ITimer
    {
        public DateTimeOffset Due { get; set; }

        public TimeSpan Period { get; set; }

        public long Order { get; set; }

        public bool IsDisposed { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (IsDisposed) return false;
            clock.Schedule(this, dueTime, period);
            return true;
        }

        public void Fire()
        {
            if (!IsDisposed) callback(state);
        }

        public void Dispose()
        {
            IsDisposed = true;
            lock (clock._lock) clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
