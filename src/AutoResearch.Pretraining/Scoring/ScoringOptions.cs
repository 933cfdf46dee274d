namespace AutoResearch.Pretraining;

/// <summary>How a <see cref="GptScoringHost"/> trains, asks and checks. Validated when the host is created.</summary>
public sealed class ScoringOptions
{
    /// <summary>Entries of the tokenizer that all candidates share. Default 2048.</summary>
    public int VocabularySize { get; set; } = 2048;

    /// <summary>Tokens in a row that is scored, and at most in a row of a training batch. Default 256.</summary>
    public int SequenceLength { get; set; } = 256;

    /// <summary>
    /// How long a program may take from its start to its first training batch: start-up, compilation, building the model, two
    /// rehearsals. Default 5 minutes.
    /// </summary>
    public TimeSpan StartupTime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// By how much the training may pass its time, as a share of it, because the last step took longer than those before; a
    /// program that passes it further is ended. At least a second is allowed. Default 0.05.
    /// </summary>
    public double Overrun { get; set; } = 0.05;

    /// <summary>How long one step may take when the budget has no training time. Default 10 minutes.</summary>
    public TimeSpan StepTime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How long an answer may take on top of four times what it took in rehearsal. Default 1 second; a fiftieth of the training
    /// time when that is more.
    /// </summary>
    public TimeSpan AnswerTime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Share of the rows that are asked a second time with another continuation, to see that no answer depends on later
    /// tokens. Default 0.25.
    /// </summary>
    public double CausalityShare { get; set; } = 0.25;

    /// <summary>
    /// By how many nats the loss of a token may differ when its row is asked again, in other company or with another
    /// continuation. Default 0.001, which single precision keeps easily; models in bfloat16 need about 0.05, which is also
    /// what a cheat can hide.
    /// </summary>
    public double Tolerance { get; set; } = 1e-3;

    /// <summary>The longest answer, rows × length × vocabulary × 4 bytes. Default 256 MiB.</summary>
    public int MaximumAnswerBytes { get; set; } = 256 << 20;

    /// <summary>
    /// Bytes of the audit split that every run is asked about as well, mixed in with the others. The score is sealed into the
    /// result with <see cref="Seal"/>. Default 0: none.
    /// </summary>
    public long AuditBytes { get; set; }

    /// <summary>Seals the audit score; needed with <see cref="AuditBytes"/>.</summary>
    public AuditSeal? Seal { get; set; }

    internal ScoringOptions Validate()
    {
        Check(nameof(VocabularySize), VocabularySize, VocabularySize is >= 256 and <= 65_536, "must be 256 to 65,536");
        Check(nameof(SequenceLength), SequenceLength, SequenceLength is >= 2 and <= 1 << 20, "must be 2 to 1,048,576");
        Check(nameof(StartupTime), StartupTime, StartupTime > TimeSpan.Zero, "must be positive");
        Check(nameof(Overrun), Overrun, Overrun is >= 0 and <= 1, "must be 0 to 1");
        Check(nameof(StepTime), StepTime, StepTime > TimeSpan.Zero, "must be positive");
        Check(nameof(AnswerTime), AnswerTime, AnswerTime > TimeSpan.Zero, "must be positive");
        Check(nameof(CausalityShare), CausalityShare, CausalityShare is >= 0 and <= 1, "must be 0 to 1");
        Check(nameof(Tolerance), Tolerance, Tolerance is > 0 and <= 1, "must be more than 0 and at most 1 nat");
        Check(nameof(MaximumAnswerBytes), MaximumAnswerBytes, MaximumAnswerBytes >= 4L * VocabularySize * SequenceLength,
            "must hold one row of logits, 4 × VocabularySize × SequenceLength");
        Check(nameof(AuditBytes), AuditBytes, AuditBytes >= 0, "must not be negative");
        Check(nameof(Seal), Seal, AuditBytes == 0 || Seal is not null, "must be set when there are AuditBytes");
        return this;
    }

    private static void Check(string name, object? value, bool good, string rule)
    {
        if (!good) throw new ArgumentException(FormattableString.Invariant($"ScoringOptions.{name} is '{value}'; it {rule}."));
    }
}
