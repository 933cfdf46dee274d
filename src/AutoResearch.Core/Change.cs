using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>
/// What a hypothesis does to its parent. In box: <see cref="ParameterChange"/>, <see cref="SourceChange"/>,
/// <see cref="CombinedChange"/>.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(ParameterChange), "parameters")]
[JsonDerivedType(typeof(SourceChange), "source")]
[JsonDerivedType(typeof(CombinedChange), "combined")]
[JsonDerivedType(typeof(InvalidChange), "invalid")]
public abstract record Change
{
    /// <summary>The parent with this change applied.</summary>
    /// <exception cref="ChangeException">The change does not apply; the message says which part and why.</exception>
    public abstract Candidate ApplyTo(Candidate parent);
}
