namespace AutoResearch.Tests;

public sealed class JournalLockTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lock-").FullName;

    private string Owner => Path.Combine(_directory, "journal.owner");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Take_Held_NamesTheProcessThatHoldsIt()
    {
        using var held = JournalLock.Take(_directory);
        Assert.Contains($"is in use by process {Environment.ProcessId} (", Refusal(), StringComparison.Ordinal);
        Assert.Contains($") on {Environment.MachineName}.", Refusal(), StringComparison.Ordinal);
        Assert.Contains("record to another directory", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Take_HeldByNobodyKnowsWhom_SaysAnotherProcess()
    {
        using var held = JournalLock.Take(_directory);
        File.WriteAllText(Owner, " \n");
        Assert.Contains("in use by another process.", Refusal(), StringComparison.Ordinal);
        File.Delete(Owner);
        Assert.Contains("in use by another process.", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Dispose_Held_NextOneMayTakeIt()
    {
        JournalLock.Take(_directory).Dispose();
        Assert.False(File.Exists(Owner));
        Assert.True(File.Exists(Path.Combine(_directory, "journal.lock"))); // deleting it would let two processes lock two files
        JournalLock.Take(_directory).Dispose();
    }

    [Fact]
    public void Take_NoDirectory_IsNoMatterOfLocks() =>
        Assert.Throws<DirectoryNotFoundException>(() => JournalLock.Take(Path.Combine(_directory, "missing")));

    private string Refusal() => Assert.Throws<JournalLockedException>(() => JournalLock.Take(_directory)).Message;
}
