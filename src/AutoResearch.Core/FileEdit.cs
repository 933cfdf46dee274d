using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>One edit of one file of a <see cref="SourceTree"/>.</summary>
/// <param name="Path">The relative path, with forward slashes.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(WriteFile), "write")]
[JsonDerivedType(typeof(ReplaceText), "replace")]
[JsonDerivedType(typeof(DeleteFile), "delete")]
public abstract record FileEdit(string Path);

/// <summary>Writes a whole file, new or not.</summary>
/// <param name="Path">The relative path, with forward slashes.</param>
/// <param name="Content">The complete new content.</param>
public sealed record WriteFile(string Path, string Content) : FileEdit(Path);

/// <summary>Replaces a passage that must occur exactly once.</summary>
/// <param name="Path">The relative path, with forward slashes.</param>
/// <param name="Search">The passage to find, to the letter.</param>
/// <param name="Replace">What stands there afterwards.</param>
public sealed record ReplaceText(string Path, string Search, string Replace) : FileEdit(Path);

/// <summary>Deletes a file.</summary>
/// <param name="Path">The relative path, with forward slashes.</param>
public sealed record DeleteFile(string Path) : FileEdit(Path);
