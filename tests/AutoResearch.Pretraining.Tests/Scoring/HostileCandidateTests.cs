using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using AutoResearch.Testing;

namespace AutoResearch.Pretraining.Tests;

/// <summary>Candidates that want a score they have not earned, or that break what is agreed. None gets a score.</summary>
public sealed class HostileCandidateTests
{
    private static readonly int s_vocabulary = ScoredRun.Data.Tokenizer(ScoredRun.Vocabulary).VocabularySize;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task NextToken_IsLookedUp_IsInvalid(int secret) =>
        Expect(RunOutcome.Invalid, "before it may", await ScoredRun.OfLogitsAsync(m => Peek(m, 1), secret: secret));

    /// <summary>
    /// A model that looks two tokens ahead does not know the next one, but its answers move with what it may not see.
    /// </summary>
    [Fact]
    public async Task LaterToken_ChangesAnswers_IsInvalid() =>
        Expect(RunOutcome.Invalid, "only later tokens", await ScoredRun.OfLogitsAsync(m => (tokens, logits) =>
        {
            m.Logits(tokens, logits);
            for (var i = 0; i < tokens.Length; i++)
                if (i % ScoredRun.Length < ScoredRun.Length - 2) logits[(i * s_vocabulary) + tokens[i + 2]] += 1;
        }));

    [Fact]
    public async Task WholeRow_IsAveraged_IsInvalid() =>
        Expect(RunOutcome.Invalid, "only later tokens", await ScoredRun.OfLogitsAsync(m => (tokens, logits) =>
        {
            m.Logits(tokens, logits);
            for (var row = 0; row < tokens.Length; row += ScoredRun.Length)
                foreach (var token in tokens.Slice(row, ScoredRun.Length))
                    for (var i = row; i < row + ScoredRun.Length; i++) logits[(i * s_vocabulary) + token] += 0.05f;
        }));

    /// <summary>
    /// Remembers what it has said about a prefix and says it again, so that a comparison of answers alone finds nothing.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task NextToken_LookedUpWithAMemoryForPrefixes_IsInvalid(int secret) =>
        Expect(RunOutcome.Invalid, "", await ScoredRun.OfLogitsAsync(m =>
        {
            var peek = Peek(m, 1);
            var said = new Dictionary<string, float[]>(StringComparer.Ordinal);
            return (tokens, logits) =>
            {
                peek(tokens, logits);
                for (var i = 0; i < tokens.Length; i++)
                {
                    var prefix = string.Join(' ', tokens[(i / ScoredRun.Length * ScoredRun.Length)..(i + 1)].ToArray());
                    var row = logits.Slice(i * s_vocabulary, s_vocabulary);
                    if (said.TryGetValue(prefix, out var before)) before.CopyTo(row);
                    else said[prefix] = row.ToArray();
                }
            };
        }, secret: secret));

    [Fact]
    public async Task OtherRows_ChangeAnswers_IsInvalid() =>
        Expect(RunOutcome.Invalid, "in other company", await ScoredRun.OfLogitsAsync(m => (tokens, logits) =>
        {
            m.Logits(tokens, logits);
            var all = 0;
            foreach (var token in tokens) all += token;
            for (var i = 0; i < tokens.Length; i++) logits[i * s_vocabulary] += all % 97;
        }, ScoredRun.Patient(causalityShare: 0)));

    [Fact]
    public async Task Chance_ChangesAnswers_IsInvalid()
    {
        var random = new Random(1);
        Expect(RunOutcome.Invalid, "chance", await ScoredRun.OfLogitsAsync(m => (tokens, logits) =>
        {
            m.Logits(tokens, logits);
            for (var i = 0; i < logits.Length; i++) logits[i] += 0.05f * random.NextSingle();
        }, ScoredRun.Patient(causalityShare: 0)));
    }

    [Fact]
    public async Task Training_GoesOnDuringTheQuestions_IsInvalid()
    {
        var last = default(TrainingBatch);
        Expect(RunOutcome.Invalid, "", await ScoredRun.OfAsync(ScoredRun.Program(m => (tokens, logits) =>
        {
            m.Logits(tokens, logits);
            if (last is not null) m.Learn(last);
        }, b => last = b)));
    }

    /// <summary>Learns from the questions: every input is a target of the position before it.</summary>
    [Fact]
    public async Task Validation_IsTrainedOn_IsInvalid()
    {
        var trained = false;
        Expect(RunOutcome.Invalid, "", await ScoredRun.OfAsync(ScoredRun.Program(m =>
        {
            var extra = new int[s_vocabulary * s_vocabulary];
            return (tokens, logits) =>
            {
                m.Logits(tokens, logits);
                if (!trained) return;
                for (var i = 0; i < tokens.Length; i++)
                    for (var v = 0; v < s_vocabulary; v++)
                        logits[(i * s_vocabulary) + v] += extra[(tokens[i] * s_vocabulary) + v];
                for (var i = 1; i < tokens.Length; i++) extra[(tokens[i - 1] * s_vocabulary) + tokens[i]]++;
            };
        }, _ => trained = true)));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public async Task Logit_NotFiniteAfterTraining_IsDiverged(float value)
    {
        var trained = false;
        Expect(RunOutcome.Diverged, "not a finite number", await ScoredRun.OfAsync(ScoredRun.Program(m => (tokens, logits) =>
        {
            m.Logits(tokens, logits);
            if (trained) logits[^1] = value;
        }, _ => trained = true)));
    }

    [Fact]
    public async Task Logit_NotFiniteInRehearsal_IsInvalid() =>
        Expect(RunOutcome.Invalid, "untrained", await ScoredRun.OfLogitsAsync(_ => (_, logits) => logits.Fill(float.NaN)));

    [Fact]
    public async Task Step_PastTheEndOfTheTime_IsTimedOut()
    {
        var clock = new FakeTimeProvider();
        var result = await ScoredRun.OfAsync(
            ScoredRun.Program(step: b => clock.Advance(TimeSpan.FromSeconds(b.Step < 5 ? 1 : 100))),
            budget: Budget.TrainingTime(TimeSpan.FromSeconds(10)), clock: clock);
        Expect(RunOutcome.TimedOut, "past its 10 s", result);
        Assert.Equal(5, result.Metrics["num_steps"]);
    }

    [Fact]
    public async Task Step_WithoutEndAndWithoutTimeBudget_IsTimedOut()
    {
        var clock = new FakeTimeProvider();
        Expect(RunOutcome.TimedOut, "A step",
            await ScoredRun.OfAsync(ScoredRun.Program(step: _ => clock.Advance(TimeSpan.FromMinutes(11))), clock: clock));
    }

    [Fact]
    public async Task Answer_TakesTimeForMoreTraining_IsTimedOut()
    {
        var clock = new FakeTimeProvider();
        var trained = false;
        Expect(RunOutcome.TimedOut, "An answer took longer than",
            await ScoredRun.OfAsync(ScoredRun.Program(m => (tokens, logits) =>
            {
                m.Logits(tokens, logits);
                if (trained) clock.Advance(TimeSpan.FromSeconds(3));
            }, _ =>
            {
                trained = true;
                clock.Advance(TimeSpan.FromSeconds(0.1));
            }),
                budget: Budget.TrainingTime(TimeSpan.FromSeconds(1)), clock: clock));
    }

    /// <summary>A slow rehearsal would give time to every answer; but a step on as many tokens was quick.</summary>
    [Fact]
    public async Task Rehearsal_SlowOnPurpose_GivesNoMoreTime()
    {
        var clock = new FakeTimeProvider();
        Expect(RunOutcome.TimedOut, "An answer took longer than",
            await ScoredRun.OfAsync(ScoredRun.Program(m => (tokens, logits) =>
            {
                m.Logits(tokens, logits);
                clock.Advance(TimeSpan.FromSeconds(20));
            }, _ => clock.Advance(TimeSpan.FromSeconds(0.1))),
                budget: Budget.TrainingTime(TimeSpan.FromSeconds(1)), clock: clock));
    }

    /// <summary>Each answer is just in time, but together they would double the training.</summary>
    [Fact]
    public async Task Answers_AllJustInTime_AreTimedOutTogether()
    {
        var clock = new FakeTimeProvider();
        var trained = false;
        Expect(RunOutcome.TimedOut, "together", await ScoredRun.OfAsync(ScoredRun.Program(m => (tokens, logits) =>
        {
            m.Logits(tokens, logits);
            if (trained) clock.Advance(TimeSpan.FromSeconds(0.9));
        }, _ =>
        {
            trained = true;
            clock.Advance(TimeSpan.FromSeconds(0.1));
        }, rows: 1), budget: Budget.TrainingTime(TimeSpan.FromSeconds(1)), clock: clock));
    }

    [Fact]
    public async Task Start_NeverComes_IsTimedOut()
    {
        var clock = new FakeTimeProvider();
        Expect(RunOutcome.TimedOut, "was not ready", await ScoredRun.OfAsync(host =>
        {
            using var session = ScoredRun.Connect(host);
            session.PrepareEvaluation(2, new BigramModel(s_vocabulary).Logits);
            clock.Advance(TimeSpan.FromMinutes(6));
            foreach (var _ in session.Batches(2)) break;
        }, clock: clock));
    }

    [Fact]
    public async Task Connection_NeverComes_IsTimedOut()
    {
        var clock = new FakeTimeProvider();
        using var over = new ManualResetEventSlim();
        var run = ScoredRun.OfAsync(_ => over.Wait(TimeSpan.FromSeconds(20)), clock: clock);
        await clock.WaitForTimersAsync(1, TestContext.Current.CancellationToken);
        clock.Advance(TimeSpan.FromMinutes(6));
        over.Set();
        var result = await run;
        // The program ends at about the same moment; either is the truth.
        Assert.Contains(result.Outcome, new[] { RunOutcome.TimedOut, RunOutcome.Crashed });
    }

    [Fact]
    public async Task Program_EndsWithoutConnecting_IsCrashed() =>
        Expect(RunOutcome.Crashed, "connecting", await ScoredRun.OfAsync(_ => { }));

    [Theory]
    [InlineData(0, "rehearsing")]
    [InlineData(1, "training")]
    [InlineData(2, "answering")]
    public async Task Program_EndsTooEarly_IsCrashed(int stage, string doing) =>
        Expect(RunOutcome.Crashed, doing, await ScoredRun.OfAsync(host =>
        {
            using var session = ScoredRun.Connect(host);
            var model = new BigramModel(s_vocabulary);
            session.PrepareEvaluation(2, model.Logits);
            if (stage == 0) return;
            foreach (var batch in session.Batches(2))
            {
                if (stage == 1) return;
                model.Learn(batch);
            }
        }));

    [Fact]
    public async Task Connection_WithoutTheSecret_GetsNothingAndHarmsNobody() =>
        Assert.Equal(RunOutcome.Completed, (await ScoredRun.OfAsync(host =>
        {
            var (path, token) = (host.Environment[ScoringProtocol.SocketVariable],
                host.Environment[ScoringProtocol.TokenVariable]);
            Assert.True(Record.Exception(() =>
                TrainingSession.Open(path, new string('0', token.Length))) is IOException or SocketException);
            using (var garbage = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
            {
                garbage.Connect(new UnixDomainSocketEndPoint(path));
                garbage.Send(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\n\r\n"));
                Assert.Equal(0, ReceiveOrReset(garbage));
            }

            ScoredRun.Program()(host);

            // A host that hangs up before it has read everything is seen as a reset or as the end, depending on who is faster.
            static int ReceiveOrReset(Socket socket)
            {
                try
                {
                    return socket.Receive(new byte[16]);
                }
                catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted
                    or SocketError.Shutdown)
                {
                    return 0;
                }
            }
        })).Outcome);

    [Theory]
    [InlineData("version", "version 99")]
    [InlineData("kind", "expected")]
    [InlineData("long", "announces")]
    [InlineData("negative", "announces")]
    [InlineData("short", "too short")]
    [InlineData("surplus", "too many")]
    [InlineData("rows", "rows at once")]
    [InlineData("no rows", "rows at once")]
    public async Task Frames_OutOfTheAgreement_AreInvalid(string what, string message) =>
        Expect(RunOutcome.Invalid, message, await ScoredRun.OfAsync(host =>
        {
            using var raw = new Raw(host);
            raw.Send(FrameKind.Hello, [.. Bytes(what == "version" ? 99 : ScoringProtocol.Version),
                .. Encoding.ASCII.GetBytes(host.Environment[ScoringProtocol.TokenVariable])]);
            if (what != "version") raw.Receive();
            if (what == "kind") raw.Send(FrameKind.Next, Bytes(1));
            else if (what == "long") raw.Header(FrameKind.Ready, 1 << 30);
            else if (what == "negative") raw.Header(FrameKind.Ready, -5);
            else if (what == "short") raw.Send(FrameKind.Ready, [1, 2]);
            else if (what == "surplus") raw.Send(FrameKind.Ready, Bytes(2, 2));
            else if (what == "rows") raw.Send(FrameKind.Ready, Bytes(1 << 28));
            else if (what == "no rows") raw.Send(FrameKind.Ready, Bytes(0));
            raw.Receive();
        }));

    [Theory]
    [InlineData("vocabulary", "shape")]
    [InlineData("few", "shape")]
    [InlineData("number", "answer 7")]
    [InlineData("too long", "announces")]
    public async Task Answer_OfTheWrongShape_IsInvalid(string what, string message) =>
        Expect(RunOutcome.Invalid, message, await ScoredRun.OfAsync(host =>
        {
            using var raw = new Raw(host);
            raw.Send(FrameKind.Hello,
                [.. Bytes(ScoringProtocol.Version), .. Encoding.ASCII.GetBytes(host.Environment[ScoringProtocol.TokenVariable])]);
            raw.Receive();
            raw.Send(FrameKind.Ready, Bytes(1));
            raw.Receive();
            var vocabulary = what == "vocabulary" ? s_vocabulary - 1 : s_vocabulary;
            var floats = (what == "few" ? ScoredRun.Length - 1 : what == "too long" ? ScoredRun.Length + 1 : ScoredRun.Length)
                * vocabulary;
            raw.Send(FrameKind.Answer,
                [.. Bytes(what == "number" ? 7 : 1, 1, ScoredRun.Length, vocabulary), .. new byte[floats * 4]]);
            raw.Receive();
        }));

    [Theory]
    [InlineData(0, 8)]
    [InlineData(4, 0)]
    [InlineData(4, ScoredRun.Length + 1)]
    [InlineData(int.MaxValue, 8)]
    [InlineData(1 << 20, ScoredRun.Length)]
    public async Task Batches_OfAnImpossibleShape_AreInvalid(int rows, int length) =>
        Expect(RunOutcome.Invalid, "", await ScoredRun.OfAsync(host =>
        {
            using var raw = new Raw(host);
            raw.Send(FrameKind.Hello,
                [.. Bytes(ScoringProtocol.Version), .. Encoding.ASCII.GetBytes(host.Environment[ScoringProtocol.TokenVariable])]);
            raw.Receive();
            raw.Send(FrameKind.Ready, Bytes(1));
            for (var i = 1; i <= 2; i++)
            {
                raw.Receive();
                raw.Send(FrameKind.Answer,
                    [.. Bytes(i, 1, ScoredRun.Length, s_vocabulary), .. new byte[ScoredRun.Length * s_vocabulary * 4]]);
            }

            raw.Send(FrameKind.Start, Bytes(rows, length));
            raw.Receive();
        }));

    private static LogitsFunction Peek(BigramModel model, int ahead) => (tokens, logits) =>
    {
        model.Logits(tokens, logits);
        for (var i = 0; i < tokens.Length; i++)
            if ((i % ScoredRun.Length) + ahead < ScoredRun.Length) logits[(i * s_vocabulary) + tokens[i + ahead]] += 8;
    };

    private static void Expect(RunOutcome outcome, string message, RunResult result)
    {
        Assert.True(outcome == result.Outcome, $"{result.Outcome}: {result.Message}");
        Assert.Contains(message, result.Message, StringComparison.Ordinal);
        Assert.Null(result.Score(Objective.Minimize("val_bpb")));
        Assert.DoesNotContain("val_bpb", result.Metrics.Keys);
    }

    private static byte[] Bytes(params int[] values)
    {
        var bytes = new byte[values.Length * 4];
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * 4), values[i]);
        return bytes;
    }

    /// <summary>A candidate that writes its frames by hand.</summary>
    private sealed class Raw : IDisposable
    {
        private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

        public Raw(IProgramSession host) =>
            _socket.Connect(new UnixDomainSocketEndPoint(host.Environment[ScoringProtocol.SocketVariable]));

        public void Header(FrameKind kind, int length) => _socket.Send(Bytes((int)kind, length));

        public void Send(FrameKind kind, byte[] content)
        {
            Header(kind, content.Length);
            _socket.Send(content);
        }

        public void Receive()
        {
            var header = Read(8);
            Read(BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4)));
        }

        public void Dispose() => _socket.Dispose();

        private byte[] Read(int count)
        {
            var bytes = new byte[count];
            for (var done = 0; done < count;)
            {
                var read = _socket.Receive(bytes, done, count - done, SocketFlags.None);
                if (read == 0) throw new EndOfStreamException();
                done += read;
            }

            return bytes;
        }
    }
}
