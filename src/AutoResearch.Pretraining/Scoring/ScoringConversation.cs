namespace AutoResearch.Pretraining;

/// <summary>The connection to a candidate, with a limit of time for everything that is waited for.</summary>
internal sealed class ScoringConversation(FrameChannel channel, TimeProvider clock, CancellationToken stop)
{
    public ReadOnlySpan<byte> Content => channel.Content;

    /// <summary>Sends a frame. A candidate that does not read it is late like one that does not answer.</summary>
    public ValueTask SendAsync(FrameKind kind, FrameWriter writer) =>
        SendAsync(kind, writer, TimeSpan.FromSeconds(30), "The program did not read what it was sent.");

    public async ValueTask SendAsync(FrameKind kind, FrameWriter writer, TimeSpan time, string late)
    {
        using var deadline = Deadline(time, late);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        try
        {
            await channel.WriteAsync(kind, writer.Content, both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            throw RunFailureException.TimedOut(late);
        }
    }

    /// <summary>Waits for a frame of one kind.</summary>
    /// <param name="kind">What has to come.</param>
    /// <param name="limit">Its longest content, in bytes.</param>
    /// <param name="time">How long to wait.</param>
    /// <param name="late">The message when that was not enough.</param>
    public async ValueTask ExpectAsync(FrameKind kind, int limit, TimeSpan time, string late)
    {
        using var deadline = Deadline(time, late);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        try
        {
            var came = await channel.ReadAsync(limit, both.Token).ConfigureAwait(false);
            if (came != kind) throw new FrameException($"a frame of kind {came} came where {kind} was expected");
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            throw RunFailureException.TimedOut(late);
        }
    }

    private CancellationTokenSource Deadline(TimeSpan time, string late) =>
        time > TimeSpan.Zero ? new(time, clock) : throw RunFailureException.TimedOut(late);
}
