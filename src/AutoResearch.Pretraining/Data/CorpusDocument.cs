namespace AutoResearch.Pretraining;

/// <summary>A text and the group it belongs to; a group is never divided between splits.</summary>
/// <param name="Group">What documents that resemble each other share: a type, a file, an author.</param>
/// <param name="Text">The text.</param>
public readonly record struct CorpusDocument(string Group, string Text);
