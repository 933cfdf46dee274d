using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>
/// One run of a <see cref="GptScoringHost"/>: a socket that one program may connect to, and the way from there to a score.
/// </summary>
internal sealed class ScoringSession : IProgramSession
{
    private const int SmallFrame = 256;
    private static readonly TimeSpan s_drain = TimeSpan.FromSeconds(5);
    private readonly ScoringData _data;
    private readonly ScoringOptions _options;
    private readonly TimeProvider _clock;
    private readonly Func<int, int> _secret;
    private readonly Experiment _experiment;
    private readonly LossCurve _curve;
    private readonly Dictionary<string, double> _metrics = new(StringComparer.Ordinal);
    private readonly DirectoryInfo _directory;
    private readonly Socket _listener;
    private readonly byte[] _token = Encoding.ASCII.GetBytes(
        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(ScoringProtocol.TokenLength / 2)));
    private readonly FrameWriter _writer = new();
    private string _doing = "connecting";
    private long _started;

    public ScoringSession(
        ScoringData data, ScoringOptions options, TimeProvider clock, Func<int, int> secret, Experiment experiment,
        IProgress<Measurement>? progress)
    {
        (_data, _options, _clock, _secret, _experiment) = (data, options, clock, secret, experiment);
        _curve = new(progress);
        _directory = Directory.CreateTempSubdirectory("ar-host-"); // short: the path of a socket has 104 characters at most
        var path = Path.Combine(_directory.FullName, "s");
        _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen(4);
        }
        catch
        {
            _listener.Dispose();
            _directory.Delete(recursive: true);
            throw;
        }

        SharedPaths = [_directory.FullName];
        Environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [ScoringProtocol.SocketVariable] = path,
            [ScoringProtocol.TokenVariable] = Encoding.ASCII.GetString(_token),
        };
    }

    public IReadOnlyDictionary<string, string> Environment { get; }

    public IReadOnlyList<string> SharedPaths { get; }

    public async Task<RunResult> ServeAsync(Task programEnd, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(programEnd);
        // What a dead program has sent is still read, but nothing is waited for.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var drain = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _ = programEnd.ContinueWith(_ => Ended(end, drain), CancellationToken.None, TaskContinuationOptions.None,
            TaskScheduler.Default);
        try
        {
            using var channel = await ConnectAsync(end.Token).ConfigureAwait(false);
            return await RunAsync(new(channel, _clock, drain.Token)).ConfigureAwait(false);
        }
        catch (RunFailureException e)
        {
            return Failed(e.Outcome, e.Message);
        }
        catch (FrameException e)
        {
            return Failed(RunOutcome.Invalid, $"The program does not keep to the protocol while {_doing}: {e.Message}.");
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return Failed(RunOutcome.Crashed,
                $"The program closed its connection while {_doing}; only answers to the host make a score.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Failed(RunOutcome.Crashed, $"The program ended while {_doing}.");
        }
    }

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        try
        {
            _directory.Delete(recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // left to the system's own cleaning of temporary files
        }

        return ValueTask.CompletedTask;
    }

    private static void Ended(CancellationTokenSource end, CancellationTokenSource drain)
    {
        try
        {
            end.Cancel();
            drain.CancelAfter(s_drain);
        }
        catch (ObjectDisposedException)
        {
            // there is a result already
        }
    }

    /// <summary>Waits for the one connection that knows the token; others are closed.</summary>
    private async Task<FrameChannel> ConnectAsync(CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(_options.StartupTime, _clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        _started = _clock.GetTimestamp();
        while (true)
        {
            var channel = default(FrameChannel);
            try
            {
                channel = new FrameChannel(await _listener.AcceptAsync(stop.Token).ConfigureAwait(false));
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
                patience.CancelAfter(s_drain);
                var kind = await channel.ReadAsync(SmallFrame, patience.Token).ConfigureAwait(false);
                if (kind == FrameKind.Hello && Knows(channel.Content))
                {
                    _listener.Dispose();
                    return channel;
                }
            }
            catch (Exception e) when (e is IOException or FrameException
                || (e is OperationCanceledException && channel is not null && !stop.IsCancellationRequested))
            {
            // not the program, or not a patient one
            }
            catch (OperationCanceledException) when (late.IsCancellationRequested)
            {
                throw RunFailureException.TimedOut(
                    $"The program did not connect within {Seconds(_options.StartupTime)} of its start.");
            }
            catch
            {
                channel?.Dispose();
                throw;
            }

            channel?.Dispose();
        }
    }

    private bool Knows(ReadOnlySpan<byte> hello)
    {
        var frame = new FrameReader(hello);
        var version = frame.Int32();
        if (!CryptographicOperations.FixedTimeEquals(frame.Bytes(ScoringProtocol.TokenLength), _token)) return false;
        frame.End();
        return version == ScoringProtocol.Version
            ? true
            : throw RunFailureException.Invalid(
                $"The program speaks version {version} of the protocol, the host {ScoringProtocol.Version}.");
    }

    private async Task<RunResult> RunAsync(ScoringConversation candidate)
    {
        _doing = "starting";
        var budget = _experiment.ScaledBudget();
        await candidate.SendAsync(FrameKind.Welcome,
            _writer.Clear().Add(ScoringProtocol.Version).Add(_data.Tokenizer.VocabularySize).Add(_data.Tokenizer.BosToken)
                .Add(_options.SequenceLength).Add(_experiment.Seed).Add(budget.Training?.TotalSeconds ?? double.NaN)
                .Add(budget.Steps ?? 0).Add(budget.Tokens ?? 0)).ConfigureAwait(false);
        await candidate.ExpectAsync(FrameKind.Ready, SmallFrame, Startup(), StartupMessage).ConfigureAwait(false);
        var questions = new ScoringQuestions(candidate, _data, _options, Rows(candidate), _writer, _clock);
        _doing = "rehearsing";
        await questions.RehearseAsync(_secret, Startup, StartupMessage).ConfigureAwait(false);
        await candidate.ExpectAsync(FrameKind.Start, SmallFrame, Startup(), StartupMessage).ConfigureAwait(false);
        _doing = "training";
        var training = new ScoringTraining(candidate, _data, _options, budget, _experiment.Seed, _writer, _curve, _clock);
        _metrics["startup_seconds"] = _clock.GetElapsedTime(_started).TotalSeconds;
        try
        {
            await training.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            training.Describe(_metrics);
        }

        _doing = "answering";
        var asked = _clock.GetTimestamp();
        var scores = await questions.AskAsync(_secret, training).ConfigureAwait(false);
        await DismissAsync(candidate).ConfigureAwait(false);
        _metrics["evaluation_seconds"] = _clock.GetElapsedTime(asked).TotalSeconds;
        _metrics["val_bpb"] = scores[0];
        var hashes = new Dictionary<string, string>(_data.Hashes, StringComparer.Ordinal);
        if (scores.Count > 1) hashes[AuditSeal.ResultKey] = _options.Seal!.Seal(_experiment, scores[1]);
        return RunResult.Complete(_metrics) with { Curve = _curve.Points, Hashes = hashes };
    }

    private async Task DismissAsync(ScoringConversation candidate)
    {
        try
        {
            await candidate.SendAsync(FrameKind.Done, _writer.Clear()).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or RunFailureException)
        {
            // it has gone already; its score is complete
        }
    }

    private int Rows(ScoringConversation candidate)
    {
        var frame = new FrameReader(candidate.Content);
        var rows = frame.Int32();
        frame.End();
        var most = _options.MaximumAnswerBytes / (4L * _data.Tokenizer.VocabularySize * _options.SequenceLength);
        return rows >= 1 && rows <= most ? rows : throw RunFailureException.Invalid(string.Create(CultureInfo.InvariantCulture,
            $"The program wants to be asked about {rows} rows at once; "
            + $"1 to {most} are possible with answers of at most {_options.MaximumAnswerBytes >> 20} MiB."));
    }

    private TimeSpan Startup() => _options.StartupTime - _clock.GetElapsedTime(_started);

    private string StartupMessage =>
        $"The program was not ready for its first batch within {Seconds(_options.StartupTime)} of its start.";

    private RunResult Failed(RunOutcome outcome, string message) =>
        RunResult.Failure(outcome, message) with { Metrics = _metrics, Curve = _curve.Points, Hashes = _data.Hashes };

    internal static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");
}
