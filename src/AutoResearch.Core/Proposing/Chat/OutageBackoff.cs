namespace AutoResearch;

/// <summary>Waits between failed calls of a provider, twice as long every time, until an outage has lasted too long.</summary>
internal sealed class OutageBackoff(TimeProvider clock, TimeSpan first, TimeSpan longest, TimeSpan limit)
{
    private long? _start;
    private int _failures;

    /// <exception cref="ProviderOutageException">The next call would come after the limit.</exception>
    public async Task WaitAsync(Exception failure, string who, CancellationToken cancellationToken)
    {
        _start ??= clock.GetTimestamp();
        var delay = TimeSpan.FromTicks((long)Math.Min(longest.Ticks, first.Ticks * Math.Pow(2, _failures++)));
        if (clock.GetElapsedTime(_start.Value) + delay > limit)
            throw new ProviderOutageException($"{who} has not answered {_failures} {(_failures == 1 ? "time" : "times")} in a "
                + $"row, the last time with {failure.GetType().Name}: {failure.Message}", failure);
        await Task.Delay(delay, clock, cancellationToken).ConfigureAwait(false);
    }
}
