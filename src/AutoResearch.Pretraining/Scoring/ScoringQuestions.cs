using System.Globalization;
using System.Runtime.InteropServices;

namespace AutoResearch.Pretraining;

/// <summary>Asks a candidate for logits: in rehearsal before the training, for the score after it.</summary>
internal sealed class ScoringQuestions(
    ScoringConversation candidate, ScoringData data, ScoringOptions options, int rows, FrameWriter writer, TimeProvider clock)
{
    private readonly int _vocabulary = data.Tokenizer.VocabularySize;
    private readonly int[] _tokens = new int[rows * options.SequenceLength];
    private int _number;
    private long _asked;
    private double _rehearsal; // seconds

    private int LogitsPerRow => options.SequenceLength * _vocabulary;

    private int AnswerLength => ScoringProtocol.AnswerHeader + (rows * LogitsPerRow * sizeof(float));

    /// <summary>Asks twice about random text. The second answer tells how long one takes.</summary>
    public async Task RehearseAsync(Func<int, int> below, Func<TimeSpan> left, string late)
    {
        for (var i = 0; i < 2; i++)
        {
            foreach (ref var token in _tokens.AsSpan()) token = below(_vocabulary);
            var start = clock.GetTimestamp();
            var limit = left();
            await SendAsync(limit, late).ConfigureAwait(false);
            await ReceiveAsync(limit, late).ConfigureAwait(false);
            _rehearsal = clock.GetElapsedTime(start).TotalSeconds;
            if (Logits().ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
                throw RunFailureException.Invalid(
                    "A logit of the untrained model is not a finite number; logits may be anything from -3.4e38 to 3.4e38.");
        }
    }

    /// <summary>Asks about every row, and returns the bits per byte of each text.</summary>
    /// <exception cref="RunFailureException">The answers are late, or not those of an honest model.</exception>
    public async Task<IReadOnlyList<double>> AskAsync(Func<int, int> below, ScoringTraining training)
    {
        var plan = EvaluationPlan.Create(data.Sets, data.Pool, rows, options.CausalityShare, below);
        var tally = new EvaluationTally(data.Sets, plan, _vocabulary, options.Tolerance);
        var (limit, total) = Limits(training, plan.Questions.Length);
        var start = clock.GetTimestamp();
        Fill(plan, plan.Questions[0]);
        await SendAsync(limit, Late(limit)).ConfigureAwait(false);
        for (var i = 0; i < plan.Questions.Length; i++)
        {
            await ReceiveAsync(limit, Late(limit)).ConfigureAwait(false);
            if (clock.GetElapsedTime(start) > total)
                throw RunFailureException.TimedOut(
                    $"The answers took longer than {ScoringSession.Seconds(total)} together. {Hint}");
            if (i + 1 < plan.Questions.Length)
            {
                // The candidate computes while the host adds up.
                Fill(plan, plan.Questions[i + 1]);
                await SendAsync(limit, Late(limit)).ConfigureAwait(false);
            }

            for (var row = 0; row < rows; row++)
                tally.Add(plan.Questions[i][row], Logits().Slice(row * LogitsPerRow, LogitsPerRow));
        }

        return tally.Violation() is { } violation
            ? throw RunFailureException.Invalid(violation)
            : [.. Enumerable.Range(0, data.Sets.Count).Select(tally.BitsPerByte)];
    }

    // A rehearsal that was made slow on purpose would leave time for more training: an answer about as many tokens costs less
    // than twice what a training step did, and steps were on the clock.
    private (TimeSpan Each, TimeSpan Total) Limits(ScoringTraining training, int questions)
    {
        var expected = Math.Min(_rehearsal, 2 * training.SecondsPerToken * _tokens.Length);
        var floor = options.AnswerTime.TotalSeconds;
        if (training.Elapsed.TotalSeconds / 50 > floor) floor = training.Elapsed.TotalSeconds / 50;
        return (TimeSpan.FromSeconds(floor + (4 * expected)), TimeSpan.FromSeconds((10 * floor) + (3 * expected * questions)));
    }

    private const string Hint = "Answers may take what they took in rehearsal and what a training step on as many tokens takes; "
        + "nothing else may be computed now.";

    private static string Late(TimeSpan limit) => $"An answer took longer than {ScoringSession.Seconds(limit)}. {Hint}";

    private void Fill(EvaluationPlan plan, EvaluationItem[] items)
    {
        for (var row = 0; row < rows; row++)
            plan.Fill(items[row], _tokens.AsSpan(row * options.SequenceLength, options.SequenceLength));
    }

    private ValueTask SendAsync(TimeSpan time, string late)
    {
        _asked = clock.GetTimestamp();
        return candidate.SendAsync(FrameKind.Ask,
            writer.Clear().Add(++_number).Add(rows).Add(options.SequenceLength).Add(_tokens), time, late);
    }

    private async ValueTask ReceiveAsync(TimeSpan time, string late)
    {
        await candidate.ExpectAsync(FrameKind.Answer, AnswerLength, time - clock.GetElapsedTime(_asked),
            late).ConfigureAwait(false);
        if (clock.GetElapsedTime(_asked) > time) throw RunFailureException.TimedOut(late);
        Check();
    }

    private void Check()
    {
        var frame = new FrameReader(candidate.Content);
        var (number, answered, length, vocabulary) = (frame.Int32(), frame.Int32(), frame.Int32(), frame.Int32());
        if (number != _number) throw new FrameException($"answer {number} came to question {_number}");
        if (answered != rows || length != options.SequenceLength || vocabulary != _vocabulary
            || candidate.Content.Length != AnswerLength)
            throw RunFailureException.Invalid(string.Create(CultureInfo.InvariantCulture,
                $"An answer has the shape [{answered}, {length}, {vocabulary}] in {candidate.Content.Length} bytes where "
                + $"[{rows}, {options.SequenceLength}, {_vocabulary}] in {AnswerLength} are due."));
    }

    private ReadOnlySpan<float> Logits() => MemoryMarshal.Cast<byte, float>(candidate.Content[ScoringProtocol.AnswerHeader..]);
}
