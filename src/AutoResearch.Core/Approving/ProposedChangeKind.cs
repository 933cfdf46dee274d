namespace AutoResearch;

/// <summary>What a candidate changes about its parent.</summary>
public enum ProposedChangeKind
{
    /// <summary>A parameter has another value, is new or is gone.</summary>
    Parameter,

    /// <summary>A file has another content.</summary>
    Edit,

    /// <summary>A file is new.</summary>
    NewFile,

    /// <summary>A file is gone.</summary>
    Delete,
}
