using System.Globalization;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>How the tensors of a case lie in memory.</summary>
public enum AttentionCaseLayout
{
    /// <summary>Heads side by side, queries, keys and values in one fused buffer.</summary>
    Fused,

    /// <summary>[batch, heads, sequence, channels], each tensor alone.</summary>
    HeadMajor,

    /// <summary>Each tensor alone, batch and rows far apart: offsets beyond 2³¹ elements.</summary>
    Huge,
}

/// <summary>Shape, mask, layout and schedule of one test case; written so that a failing test names all of it.</summary>
public sealed record AttentionCase(int HeadDim, int Queries)
{
    public int Keys { get; init; } = Queries;

    public int Batch { get; init; } = 1;

    public int Heads { get; init; } = 2;

    public int KvHeads { get; init; } = 1;

    public int Window { get; init; } = -1;

    public bool Documents { get; init; }

    public bool Causal { get; init; } = true;

    public AttentionCaseLayout Layout { get; init; } = AttentionCaseLayout.Fused;

    /// <summary>Gets the largest query and key; scores grow with its square.</summary>
    public float Magnitude { get; init; } = 2;

    /// <summary>Gets the schedule of the emulator.</summary>
    public ulong Seed { get; init; }

    public int Multiprocessors { get; init; } = 3;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"D{HeadDim} Tq{Queries} Tk{Keys} B{Batch} H{Heads}/{KvHeads} window{Window} "
        + $"{(Documents ? "documents " : "")}{(Magnitude == 2 ? "" : "large ")}{(Causal ? "" : "full ")}{Layout} seed{Seed} "
        + $"SM{Multiprocessors}");
}
