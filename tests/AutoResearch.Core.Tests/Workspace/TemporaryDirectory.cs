namespace AutoResearch.Tests;

/// <summary>A directory that goes away with the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("autoresearch-test-").FullName;

    public void Dispose() => GitWorktree.Remove(Path);
}
