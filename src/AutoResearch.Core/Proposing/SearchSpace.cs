namespace AutoResearch;

/// <summary>The parameters that may vary, with their ranges.</summary>
public sealed class SearchSpace
{
}
