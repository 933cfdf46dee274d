namespace AutoResearch.Pretraining;

/// <summary>
/// The words between a scoring host and a candidate. A frame is its kind and the length of its content, both 32-bit, then the
/// content; all numbers are little-endian. docs/scoring.md describes every frame, for programs in other languages.
/// </summary>
internal static class ScoringProtocol
{
    public const int Version = 1;

    /// <summary>The variable with the path of the host's Unix domain socket.</summary>
    public const string SocketVariable = "AUTORESEARCH_HOST";

    /// <summary>The variable with the secret that opens the connection.</summary>
    public const string TokenVariable = "AUTORESEARCH_HOST_TOKEN";

    public const int TokenLength = 32;
    public const int HeaderLength = 8;
    public const int AnswerHeader = 16;
}

/// <summary>What a frame is about.</summary>
internal enum FrameKind
{
    /// <summary>From the candidate: version, token.</summary>
    Hello = 1,

    /// <summary>From the host: version, vocabulary, BOS, sequence length, seed, budget.</summary>
    Welcome = 2,

    /// <summary>From the candidate: rows that it answers at once; rehearsals follow.</summary>
    Ready = 3,

    /// <summary>From the host: number, rows, length, and the token ids to be continued.</summary>
    Ask = 4,

    /// <summary>From the candidate: number, rows, length, vocabulary, and the logits.</summary>
    Answer = 5,

    /// <summary>From the candidate: rows and length of the training batches. The clock starts with the first of them.</summary>
    Start = 6,

    /// <summary>From the host: progress, elapsed seconds, step, epoch, rows, length, inputs, targets.</summary>
    Batch = 7,

    /// <summary>From the candidate: the loss of the batch before, for the log; another batch, please.</summary>
    Next = 8,

    /// <summary>From the host: training is over; questions follow.</summary>
    Stop = 9,

    /// <summary>From the host: the score is complete.</summary>
    Done = 10,
}
