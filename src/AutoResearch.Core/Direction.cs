namespace AutoResearch;

/// <summary>Which way a metric improves.</summary>
public enum Direction
{
    /// <summary>Lower is better, as for a loss or val_bpb. The default.</summary>
    Minimize,

    /// <summary>Higher is better, as for accuracy or tokens per second.</summary>
    Maximize,
}
