using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// What an acceptor decided, why, and on which numbers. A boolean could not ask for another run of either arm, nor say
/// that the evidence cannot decide.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "verdict")]
[JsonDerivedType(typeof(Accept), "accept")]
[JsonDerivedType(typeof(Reject), "reject")]
[JsonDerivedType(typeof(NeedMore), "need_more")]
[JsonDerivedType(typeof(Indecisive), "indecisive")]
public abstract record Verdict
{
    private static readonly IReadOnlyDictionary<string, double> s_none = new Dictionary<string, double>();

    /// <summary>One sentence with its numbers, for people.</summary>
    public required string Reason { get; init; }

    /// <summary>The statistics behind it by name, e.g. <c>gain</c>, <c>se</c>, <c>p_better</c>.</summary>
    public IReadOnlyDictionary<string, double> Statistics { get; init; } = s_none;

    /// <summary>True when the comparison is over; false when more runs are asked for.</summary>
    [JsonIgnore]
    public bool IsFinal => this is not NeedMore;
}

/// <summary>The candidate becomes the incumbent.</summary>
public sealed record Accept : Verdict;

/// <summary>The candidate is discarded.</summary>
public sealed record Reject : Verdict;

/// <summary>The evidence is not enough yet.</summary>
/// <param name="Arm">Which arm to run again.</param>
/// <param name="Runs">
/// How many runs are expected to be needed, at least 1. The loop asks again after every one of them, so that a hopeless
/// comparison can end early; the number tells a loop with free slots how many it may start at once.
/// </param>
public sealed record NeedMore(Arm Arm, int Runs = 1) : Verdict;

/// <summary>The evidence cannot decide, e.g. because of tampering, drift or an implausible jump. The incumbent stays.</summary>
public sealed record Indecisive : Verdict;
