namespace AutoResearch.Tests;

/// <summary>Events of every type with the values that break formats; each follows from a seed.</summary>
internal sealed class ArbitraryEvents(int seed)
{
    private static readonly string[] s_texts =
    [
        "", " ", "plain", "\"quoted\" \\ back", "line\nbreak\r\n\ttab", "\0\u0001\u001f", "<b>&amp;'</b>", "ä→日本語",
        "\U0001F600\U0001F9EA", "\u2028\u2029\uFEFF", "{\"type\":\"loop_stopped\"}", ",\"hash\":\"00\"}", new('x', 5000),
    ];

    private static readonly double[] s_numbers =
    [
        0, -0.0, 1, -1, 0.1, 1.0 / 3, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue,
        double.MinValue, double.Epsilon, 1e300, 123456789.125,
    ];

    private static readonly long[] s_integers =
        [0, 1, -1, 63, 64, 127, 128, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue];

    private readonly Random _random = new(seed);

    /// <summary>One of each type.</summary>
    public IReadOnlyList<ResearchEvent> All() =>
    [
        At(new LoopStarted(Problem(), Integer()) { Version = Text() }),
        At(new LoopResumed { Interrupted = Texts() }),
        At(new HypothesisProposed(Small(), Hypothesis(), Maybe() ? null : Candidate())),
        At(new ExperimentStarted(Experiment())),
        At(new ExperimentFinished(Text(), Result())),
        At(new TrialJudged(Small(), Verdict())),
        At(new ApprovalRequested(Small(), Pick(Enum.GetValues<ApprovalStage>())) { Verdict = Maybe() ? null : Verdict() }),
        At(new ApprovalDecided(Small(), Pick(Enum.GetValues<ApprovalStage>()), Maybe(), Text(), Text())),
        At(new IncumbentReverted(Small(), Small(), Text(), Text(), Text())),
        At(new IncumbentAdvanced(Small(), Small(), Text())),
        At(new ClaimsSettled(new ClaimSet(
            [new Claim(Small(), Pick(Enum.GetValues<ClaimStatus>()), Small(), Number(), Number(), Maybe())], Number()))),
        At(new GainMeasured(new GainEstimate(Number(), Number(), Number(), Number(), Number(), Number(), Small()))),
        At(new LoopStopped(Pick(Enum.GetValues<StopReason>()), Text())),
    ];

    private ResearchEvent At(ResearchEvent e) => e with
    {
        Time = new DateTimeOffset(_random.NextInt64(DateTimeOffset.UnixEpoch.Ticks, new DateTime(2200, 1, 1).Ticks),
            TimeSpan.FromMinutes(_random.Next(-840, 841))),
    };

    private ResearchProblem Problem() => new("p" + Text())
    {
        Objective = new Objective("m" + Text(), Pick(Enum.GetValues<Direction>()), Maybe() ? null : Text()),
        Baseline = Candidate(), Budget = Budget(), Instructions = Text(),
        Guards = [.. Some(() => new Guard(Text(), Maybe() ? null : Number(), Maybe() ? null : Number()))],
    };

    private Hypothesis Hypothesis() => new()
    {
        ParentId = Text(), Title = Text(), Rationale = Text(), Proposer = Text(), AllowRepeat = Maybe(),
        ExpectedGain = Maybe() ? null : Number(),
        Cost = new Cost((decimal)_random.NextDouble() * 1e12m, Integer(), Integer(), Span()),
        Change = Maybe()
            ? new SourceChange([new WriteFile("a/b", Text()), new ReplaceText("a", Text(), Text()), new DeleteFile("c")])
            : new ParameterChange(Parameters()) { Remove = Maybe() ? null : Texts() },
    };

    private Candidate Candidate() => new()
    {
        Parameters = Parameters(),
        Source = _random.Next(3) > 0 ? null : new SourceTree([new("train.py", Text()), new("lib/x", Text())]),
    };

    private ParameterSet Parameters() => new(Enumerable.Range(0, _random.Next(4))
        .Select(i => new KeyValuePair<string, ParameterValue>($"p{i}{Text()}", _random.Next(4) switch
        {
            0 => ParameterValue.Of(Pick(s_numbers.Where(double.IsFinite).ToArray())),
            1 => ParameterValue.Of(Integer()),
            2 => ParameterValue.Of(Maybe()),
            _ => ParameterValue.Of(Text()),
        })));

    private Experiment Experiment() => new()
    {
        Id = Text(), Candidate = Candidate(), Seed = Integer(), Budget = Budget(), Purpose = Pick(Enum.GetValues<RunPurpose>()),
        Fidelity = Number(), Trial = Small(), Attempt = Small(),
    };

    private Budget Budget() => new()
    {
        Training = Maybe() ? null : Span(), Wall = Maybe() ? null : Span(), Steps = Maybe() ? null : Integer(),
        Tokens = Maybe() ? null : Integer(), Flops = Maybe() ? null : Number(), MemoryBytes = Maybe() ? null : Integer(),
        Money = Maybe() ? null : decimal.MaxValue,
    };

    private RunResult Result() => new()
    {
        Outcome = Pick(Enum.GetValues<RunOutcome>()), Metrics = Map(Number), Message = Maybe() ? null : Text(),
        Curve = Maybe() ? null : [.. Some(() => new Measurement(Text(), Number(), Integer(), Span(), Maybe() ? null : Number()))],
        Device = Maybe() ? null : Map(Text), Hashes = Maybe() ? null : Map(Text), LogTail = Maybe() ? null : Text(),
        Artifacts = Maybe() ? null : Texts(),
        Usage = new ResourceUsage
        {
            WallTime = Span(), TrainingTime = Maybe() ? null : Span(), CpuTime = Maybe() ? null : Span(),
            PeakMemoryBytes = Maybe() ? null : Integer(), Steps = Maybe() ? null : Integer(), Tokens = Maybe() ? null : Integer(),
            Money = Maybe() ? null : 0.10m,
        },
    };

    private Verdict Verdict() => _random.Next(4) switch
    {
        0 => new Accept { Reason = Text(), Statistics = Map(Number) },
        1 => new Reject { Reason = Text(), Statistics = Map(Number) },
        2 => new NeedMore(Pick(Enum.GetValues<Arm>()), Small()) { Reason = Text(), Statistics = Map(Number) },
        _ => new Indecisive { Reason = Text(), Statistics = Map(Number) },
    };

    private Dictionary<string, T> Map<T>(Func<T> value) =>
        Enumerable.Range(0, _random.Next(4)).ToDictionary(i => $"{i}{Text()}", _ => value());

    private string[] Texts() => [.. Some(Text)];

    private IEnumerable<T> Some<T>(Func<T> make) => Enumerable.Range(0, _random.Next(4)).Select(_ => make());

    private TimeSpan Span() => new(Integer());

    private string Text() => Pick(s_texts) + (Maybe() ? "" : Pick(s_texts));

    private double Number() => Maybe() ? Pick(s_numbers) : _random.NextDouble();

    private long Integer() => Maybe() ? Pick(s_integers) : _random.NextInt64();

    private int Small() => _random.Next(int.MinValue, int.MaxValue);

    private bool Maybe() => _random.Next(2) == 0;

    private T Pick<T>(T[] values) => values[_random.Next(values.Length)];
}
