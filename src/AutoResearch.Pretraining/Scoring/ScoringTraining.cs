using System.Globalization;

namespace AutoResearch.Pretraining;

/// <summary>The training of a scored run, as the host sees it: batches out, and a clock that nobody else reads.</summary>
internal sealed class ScoringTraining
{
    private static readonly TimeSpan s_leastOverrun = TimeSpan.FromSeconds(1);
    private readonly ScoringConversation _candidate;
    private readonly Budget _budget;
    private readonly ScoringOptions _options;
    private readonly FrameWriter _writer;
    private readonly LossCurve _curve;
    private readonly PackedBatches _batches;
    private readonly BudgetMeter _meter;
    private readonly int[] _inputs;
    private readonly int[] _targets;
    private readonly TimeProvider _clock;
    private int _epoch;
    private long _sent;

    /// <exception cref="RunFailureException">The batches that the candidate wants are impossible.</exception>
    public ScoringTraining(
        ScoringConversation candidate, ScoringData data, ScoringOptions options, Budget budget, long seed, FrameWriter writer,
        LossCurve curve, TimeProvider clock)
    {
        (_candidate, _budget, _options, _writer, _curve, _clock) = (candidate, budget, options, writer, curve, clock);
        var start = new FrameReader(candidate.Content);
        (Rows, Length) = (start.Int32(), start.Int32());
        start.End();
        if (Rows < 1 || Length < 1 || Length > options.SequenceLength || (long)Rows * Length > 1 << 24)
            throw RunFailureException.Invalid(string.Create(CultureInfo.InvariantCulture,
                $"The program wants batches of {Rows} rows of {Length} tokens; rows have 1 to {options.SequenceLength} tokens, "
                + $"a batch 16,777,216 at most."));
        try
        {
            _batches = new(data.Train, Rows, Length, (ulong)seed);
            _meter = new(budget, (long)Rows * Length, 1, clock);
        }
        catch (Exception e) when (e is ArgumentException or CorpusException)
        {
            throw RunFailureException.Invalid(e.Message);
        }

        (_inputs, _targets) = (new int[Rows * Length], new int[Rows * Length]);
        Pack();
    }

    public int Rows { get; }

    public int Length { get; }

    /// <summary>Training time by the host's clock.</summary>
    public TimeSpan Elapsed => _meter.Elapsed;

    /// <summary>Seconds of training that a token has cost.</summary>
    public double SecondsPerToken => _meter.StepSeconds / (Rows * (double)Length);

    /// <summary>Gives out batches until the budget is used, then says so.</summary>
    /// <exception cref="RunFailureException">The training took too long.</exception>
    public async Task RunAsync()
    {
        _meter.Start();
        try
        {
            do
            {
                _sent = _clock.GetTimestamp();
                await SendAsync().ConfigureAwait(false);
                Pack(); // while the candidate computes
                await _candidate.ExpectAsync(FrameKind.Next, 64, Left(), Late()).ConfigureAwait(false);
                if (Left() <= TimeSpan.Zero) throw RunFailureException.TimedOut(Late());
                _meter.StepDone();
                Report();
            }
            while (_meter.CanStep);
        }
        finally
        {
            _meter.Stop();
        }

        await _candidate.SendAsync(FrameKind.Stop, _writer.Clear()).ConfigureAwait(false);
    }

    public void Describe(Dictionary<string, double> metrics)
    {
        metrics["training_seconds"] = _meter.Elapsed.TotalSeconds;
        metrics["num_steps"] = _meter.Steps;
        metrics["total_tokens_M"] = _meter.Tokens / 1e6;
        if (_meter.Elapsed > TimeSpan.Zero) metrics["tokens_per_second"] = _meter.Tokens / _meter.Elapsed.TotalSeconds;
    }

    private void Pack()
    {
        _epoch = _batches.Epoch;
        _batches.Next(_inputs, _targets);
    }

    private ValueTask SendAsync()
    {
        _writer.Clear().Add(_meter.Progress).Add(_meter.Elapsed.TotalSeconds).Add(_meter.Steps).Add(_epoch).Add(Rows).Add(Length)
            .Add(_inputs).Add(_targets);
        return _candidate.SendAsync(FrameKind.Batch, _writer, Left(), Late());
    }

    private TimeSpan Left() =>
        _budget.Training is { } time ? time + Overrun(time) - _meter.Elapsed : _options.StepTime - _clock.GetElapsedTime(_sent);

    private string Late() => _budget.Training is { } time
        ? $"The training went on {ScoringSession.Seconds(Overrun(time))} past its {ScoringSession.Seconds(time)} and was ended; "
            + "ask for the next batch when a step is done, and make steps shorter."
        : $"A step took longer than {ScoringSession.Seconds(_options.StepTime)}.";

    private TimeSpan Overrun(TimeSpan time) =>
        time * _options.Overrun is var share && share > s_leastOverrun ? share : s_leastOverrun;

    private void Report()
    {
        var frame = new FrameReader(_candidate.Content);
        var loss = frame.Double();
        frame.End();
        if (double.IsFinite(loss)) _curve.Add(new("train_loss", loss, _meter.Steps, _meter.Elapsed, _meter.Progress));
    }
}
