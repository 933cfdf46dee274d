namespace AutoResearch;

/// <summary>The type of a <see cref="ParameterValue"/>.</summary>
public enum ParameterKind
{
    /// <summary>A double-precision number.</summary>
    Float,

    /// <summary>A 64-bit integer.</summary>
    Integer,

    /// <summary>A text, e.g. the choice of a categorical parameter.</summary>
    Text,

    /// <summary>True or false.</summary>
    Boolean,
}
