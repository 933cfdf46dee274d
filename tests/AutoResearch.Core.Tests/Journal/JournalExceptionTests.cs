namespace AutoResearch.Tests;

public sealed class JournalExceptionTests
{
    [Fact]
    public void JournalCorruptException_Damage_SaysWhereWhatAndWhatToDo()
    {
        var e = new JournalCorruptException("/runs/a/journal.jsonl", 8, 1234, "its hash is wrong.");
        Assert.Equal(("/runs/a/journal.jsonl", 8, 1234, "its hash is wrong."), (e.Path, e.Line, e.Offset, e.Problem));
        Assert.Contains("'/runs/a/journal.jsonl' is damaged at line 8 (byte 1234): its hash is wrong. Nothing was changed.",
            e.Message, StringComparison.Ordinal);
        Assert.Contains("keep the 7 good lines with 'head -n 7'", e.Message, StringComparison.Ordinal);
        Assert.Equal(("", ""), (new JournalCorruptException().Path, new JournalCorruptException().Problem));
    }

    [Fact]
    public void JournalVersionException_NewerJournal_NamesBothVersionsAndTheUpdate()
    {
        var e = new JournalVersionException("/runs/a/journal.jsonl", 7, 1);
        Assert.Equal((7, 1), (e.Version, e.Supported));
        Assert.Contains("has format version 7, but this library reads up to version 1. Update AutoResearch.Core", e.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_NothingSaid_StillSaysWhatIsWrong()
    {
        Assert.Contains("cannot be used", new JournalException().Message, StringComparison.Ordinal);
        Assert.Contains("is damaged", new JournalCorruptException().Message, StringComparison.Ordinal);
        Assert.Contains("newer format version", new JournalVersionException().Message, StringComparison.Ordinal);
        Assert.Contains("Another loop writes", new JournalLockedException().Message, StringComparison.Ordinal);
    }
}
