using System.Net.Sockets;
using System.Text;

namespace AutoResearch.Pretraining;

/// <summary>
/// A candidate's side of a scored run: text comes from the host while the host's clock runs, and after that the host asks for
/// logits and works out the score itself. Not thread-safe.
/// </summary>
/// <example>
/// <code>
/// using var session = TrainingSession.Open();
/// // build the model for session.VocabularySize and session.SequenceLength, with session.Seed
/// session.PrepareEvaluation(rows: 16, (tokens, logits) => model.Logits(tokens).CopyTo(logits));
/// foreach (var batch in session.Batches(rows: 8)) batch.Loss = Step(batch);
/// session.Evaluate();
/// </code>
/// </example>
public sealed class TrainingSession : IDisposable
{
    private const int Limit = 1 << 30;
    private readonly FrameChannel _channel;
    private readonly FrameWriter _writer = new();
    private LogitsFunction? _model;
    private bool _trained;

    private TrainingSession(FrameChannel channel)
    {
        _channel = channel;
        var welcome = new FrameReader(channel.Content);
        if (welcome.Int32() is var version and not ScoringProtocol.Version)
            throw new InvalidOperationException($"The host speaks version {version} of the protocol, "
                + $"this library {ScoringProtocol.Version}; build the candidate against the host's version.");
        (VocabularySize, BosToken, SequenceLength, Seed) = (welcome.Int32(), welcome.Int32(), welcome.Int32(), welcome.Int64());
        var (seconds, steps, tokens) = (welcome.Double(), welcome.Int64(), welcome.Int64());
        Budget = new()
        {
            Training = double.IsNaN(seconds) ? null : TimeSpan.FromSeconds(seconds),
            Steps = steps == 0 ? null : steps,
            Tokens = tokens == 0 ? null : tokens,
        };
    }

    /// <summary>Entries of the host's tokenizer, BOS included: logits have as many.</summary>
    public int VocabularySize { get; }

    /// <summary>The token at the beginning of every document.</summary>
    public int BosToken { get; }

    /// <summary>Tokens in a row of the evaluation, and at most in a row of a training batch.</summary>
    public int SequenceLength { get; }

    /// <summary>The seed that the loop has chosen for this run.</summary>
    public long Seed { get; }

    /// <summary>The training budget. The host keeps it; it is told so that a model can be sized by it.</summary>
    public Budget Budget { get; }

    /// <summary>Connects to the host that has started this program.</summary>
    /// <exception cref="InvalidOperationException">The program was not started by a scoring host.</exception>
    public static TrainingSession Open()
    {
        var (path, token) = (Environment.GetEnvironmentVariable(ScoringProtocol.SocketVariable),
            Environment.GetEnvironmentVariable(ScoringProtocol.TokenVariable));
        if (string.IsNullOrEmpty(path) || string.IsNullOrEmpty(token))
            throw new InvalidOperationException("This program is a candidate: a scoring host has to start it, "
                + "with ProcessRunnerOptions.Host = new GptScoringHost(data).");
        return Open(path, token);
    }

    /// <summary>Connects to a host.</summary>
    /// <param name="socket">The path of its Unix domain socket.</param>
    /// <param name="token">The secret that it gave.</param>
    public static TrainingSession Open(string socket, string token)
    {
        ArgumentException.ThrowIfNullOrEmpty(socket);
        ArgumentException.ThrowIfNullOrEmpty(token);
        var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var channel = default(FrameChannel);
        try
        {
            connection.Connect(new UnixDomainSocketEndPoint(socket));
            channel = new FrameChannel(connection);
            channel.Write(FrameKind.Hello,
                new FrameWriter().Add(ScoringProtocol.Version).Add(Encoding.ASCII.GetBytes(token)).Content.Span);
            Expect(channel, FrameKind.Welcome);
            return new(channel);
        }
        catch
        {
            channel?.Dispose();
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Says how the model is asked, and rehearses it twice on random text: what is compiled on first use is compiled then, before
    /// the clock starts, and a wrong shape is found before the training and not after it.
    /// </summary>
    /// <param name="rows">Rows in a question, all of <see cref="SequenceLength"/>; as many as fit into
    /// memory. Default 16.</param>
    /// <param name="model">Fills in the logits.</param>
    public void PrepareEvaluation(int rows, LogitsFunction model)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentNullException.ThrowIfNull(model);
        if (_model is not null) throw new InvalidOperationException("The evaluation is prepared already.");
        _model = model;
        _channel.Write(FrameKind.Ready, _writer.Clear().Add(rows).Content.Span);
        for (var i = 0; i < 2; i++)
        {
            Expect(_channel, FrameKind.Ask);
            Answer();
        }
    }

    /// <summary>
    /// Training text until the host says that the budget is used. The clock starts with the first batch; asking for the next
    /// batch says that the work on the one before is done.
    /// </summary>
    /// <param name="rows">Rows in a batch.</param>
    /// <param name="length">Tokens in a row; null for <see cref="SequenceLength"/>.</param>
    /// <exception cref="InvalidOperationException"><see cref="PrepareEvaluation"/> was not called before, or there was training
    /// already.</exception>
    public IEnumerable<TrainingBatch> Batches(int rows, int? length = null)
    {
        if (_model is null)
            throw new InvalidOperationException(
                "Call PrepareEvaluation before the training, so that compilation costs no training time.");
        if (_trained) throw new InvalidOperationException("The training is over; there is one per run.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        var batch = new TrainingBatch(rows, length ?? SequenceLength);
        return Train(batch);
    }

    /// <summary>Answers the host's questions until the score is complete.</summary>
    /// <exception cref="InvalidOperationException">The batches have not been read to their end.</exception>
    public void Evaluate()
    {
        if (!_trained)
            throw new InvalidOperationException("Read the batches to their end first; the host says when the training is over.");
        while (_channel.Read(Limit) is var kind and not FrameKind.Done)
        {
            if (kind != FrameKind.Ask) throw new FrameException($"a frame of kind {kind} came where a question was expected");
            Answer();
        }
    }

    /// <summary>Closes the connection.</summary>
    public void Dispose() => _channel.Dispose();

    private IEnumerable<TrainingBatch> Train(TrainingBatch batch)
    {
        _channel.Write(FrameKind.Start, _writer.Clear().Add(batch.Rows).Add(batch.Length).Content.Span);
        while (_channel.Read(Limit) is var kind and not FrameKind.Stop)
        {
            if (kind != FrameKind.Batch) throw new FrameException($"a frame of kind {kind} came where a batch was expected");
            batch.Fill(_channel.Content);
            yield return batch;
            _channel.Write(FrameKind.Next, _writer.Clear().Add(batch.Loss).Content.Span);
        }

        _trained = true;
    }

    private void Answer()
    {
        var frame = new FrameReader(_channel.Content);
        var (number, rows, length) = (frame.Int32(), frame.Int32(), frame.Int32());
        var tokens = new int[rows * length];
        frame.Int32s(tokens);
        _writer.Clear().Add(number).Add(rows).Add(length).Add(VocabularySize);
        _model!(tokens, _writer.Floats(checked(tokens.Length * VocabularySize)));
        _channel.Write(FrameKind.Answer, _writer.Content.Span);
    }

    private static void Expect(FrameChannel channel, FrameKind kind)
    {
        if (channel.Read(Limit) is var came && came != kind)
            throw new FrameException($"a frame of kind {came} came where {kind} was expected");
    }
}
