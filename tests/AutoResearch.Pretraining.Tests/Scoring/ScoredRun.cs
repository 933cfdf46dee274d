using AutoResearch.Testing;

namespace AutoResearch.Pretraining.Tests;

/// <summary>
/// A run of a scoring host with a candidate on another thread of this process, which speaks over the same socket as a program.
/// </summary>
internal static class ScoredRun
{
    public const int Length = 32;
    public const int Vocabulary = 300;

    public static PretrainingData Data { get; } = new(Corpus.FromDocuments(Documents()), 8 << 10);

    public static ValidationSet Validation => Data.Validation(Vocabulary, Length);

    public static ScoringOptions Options => new() { VocabularySize = Vocabulary, SequenceLength = Length, CausalityShare = 1 };

    /// <summary>Options for runs by the real clock, which a busy machine may hold up.</summary>
    public static ScoringOptions Patient(double causalityShare = 1, double tolerance = 1e-3) => new()
    {
        VocabularySize = Vocabulary,
        SequenceLength = Length,
        CausalityShare = causalityShare,
        Tolerance = tolerance,
        AnswerTime = TimeSpan.FromSeconds(20),
    };

    public static Experiment Experiment(Budget? budget = null, int seed = 7) =>
        new() { Id = "e0001", Candidate = Candidate.Of(), Seed = seed, Budget = budget ?? Budget.OfSteps(10) };

    /// <summary>Secret numbers that are the same in every run of a test.</summary>
    public static Func<int, int> Lots(int seed = 1)
    {
        var random = new Random(seed);
        return random.Next;
    }

    /// <summary>Runs a candidate to the host's result.</summary>
    public static async Task<RunResult> OfAsync(
        Action<IProgramSession> candidate, ScoringOptions? options = null, Budget? budget = null, FakeTimeProvider? clock = null,
        IProgress<Measurement>? progress = null, int secret = 1, Experiment? experiment = null)
    {
        var host = new GptScoringHost(Data, options ?? (clock is null ? Patient() : Options), clock) { Secret = Lots(secret) };
        await using var session = await host.OpenAsync(experiment ?? Experiment(budget), progress,
            TestContext.Current.CancellationToken);
        var program = Task.Run(() =>
        {
            try
            {
                candidate(session);
            }
            catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
            {
                // the host has cut it off
            }
        }, TestContext.Current.CancellationToken);
        var result = await session.ServeAsync(program, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await session.DisposeAsync();
        await program.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        return result;
    }

    /// <summary>A candidate as it should be, with one thing changed.</summary>
    /// <param name="logits">The answers, in the place of the bigram model's.</param>
    /// <param name="step">Called in every step.</param>
    /// <param name="rows">Rows in a question.</param>
    public static Action<IProgramSession> Program(
        Func<BigramModel, LogitsFunction>? logits = null, Action<TrainingBatch>? step = null, int rows = 4) =>
        host =>
        {
            using var session = Connect(host);
            var model = new BigramModel(session.VocabularySize);
            session.PrepareEvaluation(rows, logits?.Invoke(model) ?? model.Logits);
            foreach (var batch in session.Batches(rows: 4))
            {
                batch.Loss = model.Learn(batch);
                step?.Invoke(batch);
            }

            session.Evaluate();
        };

    public static TrainingSession Connect(IProgramSession host) =>
        TrainingSession.Open(host.Environment[ScoringProtocol.SocketVariable], host.Environment[ScoringProtocol.TokenVariable]);

    public static Task<RunResult> OfLogitsAsync(
        Func<BigramModel, LogitsFunction> logits, ScoringOptions? options = null, int secret = 1, int rows = 4) =>
        OfAsync(Program(logits, rows: rows), options, secret: secret);

    // Words of a made-up language, some frequent and most rare, each followed by its favourites more often than by others.
    private static IEnumerable<CorpusDocument> Documents()
    {
        var random = new Random(5);
        var words = Enumerable.Range(0, 400).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 4))
            .Select(_ => "bdfgklmnprst"[random.Next(12)].ToString() + "aeiou"[random.Next(5)]))).ToArray();
        for (var i = 0; i < 1500; i++)
        {
            var (text, word) = (new List<string>(), random.Next(words.Length));
            for (var k = 0; k < 20; k++)
            {
                text.Add(words[word]);
                word = random.NextDouble() < 0.5
                    ? ((word * 7) + random.Next(3)) % words.Length
                    : (int)(words.Length * Math.Pow(random.NextDouble(), 3));
            }

            yield return new($"group {i}", string.Join(' ', text));
        }
    }
}
