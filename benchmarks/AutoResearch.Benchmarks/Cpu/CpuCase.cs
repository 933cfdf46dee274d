using System.Globalization;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>Who takes part in <c>cpu-peers</c>.</summary>
internal enum Contestant
{
    /// <summary>This library.</summary>
    Ours,

    /// <summary>This library in a process that has only AVX2.</summary>
    OursAvx2,

    /// <summary>benchmarks/peers/torch_gpt.py.</summary>
    Torch,

    /// <summary>benchmarks/peers/gpt.c.</summary>
    PlainC,
}

/// <summary>A request to a contestant.</summary>
/// <param name="Contestant">Who answers.</param>
/// <param name="Request">The line without the seconds.</param>
internal readonly record struct Arm(Contestant Contestant, string Request)
{
    /// <summary>The machine's peak; a "call" is one GFLOP.</summary>
    public static Arm Peak(int threads, Contestant process = Contestant.Ours) =>
        new(process, string.Create(CultureInfo.InvariantCulture, $"peak {threads}"));
}

/// <summary>What a case is compared with.</summary>
/// <param name="Label">Appended to the case's name; empty for none.</param>
/// <param name="Peer">Name of the other side; null for the contestant's own.</param>
/// <param name="Arm">The other side.</param>
/// <param name="Unit">Unit of both values.</param>
/// <param name="OurWork">Units of work in one of our calls; the value is work per second.</param>
/// <param name="TheirWork">Units of work in one of theirs.</param>
/// <param name="Goal">Least ratio wanted; null for none.</param>
internal sealed record Comparison(
    string Label, string? Peer, Arm Arm, string Unit, double OurWork, double TheirWork, double? Goal = null);

/// <summary>One of our operations at one shape, and what it is measured against in the same rounds.</summary>
/// <param name="Name">As printed.</param>
/// <param name="Ours">Our side.</param>
/// <param name="Comparisons">The other sides.</param>
internal sealed record CpuCase(string Name, Arm Ours, IReadOnlyList<Comparison> Comparisons)
{
    /// <summary>Every arm once, ours first.</summary>
    public IReadOnlyList<Arm> Arms => [.. Comparisons.Select(c => c.Arm).Prepend(Ours).Distinct()];
}
