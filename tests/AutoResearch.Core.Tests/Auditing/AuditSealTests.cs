namespace AutoResearch.Tests;

public sealed class AuditSealTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("audit-seal-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static Run Sealed(AuditSeal seal, double score, Experiment? sealedFor = null)
    {
        var experiment = new Experiment { Id = "e0001", Candidate = Candidate.Of(("x", 1)), Seed = 3, Budget = Budget.Unlimited };
        return new(experiment, RunResult.Complete(new Dictionary<string, double>()) with
        {
            Hashes = new Dictionary<string, string> { [AuditSeal.ResultKey] = seal.Seal(sealedFor ?? experiment, score) },
        });
    }

    [Fact]
    public void Read_SealedScore_IsItself() =>
        Assert.Equal(0.9979, AuditSeal.Create() is var seal ? seal.Read(Sealed(seal, 0.9979)) : null);

    [Fact]
    public void Seal_SameScoreTwice_LooksDifferent()
    {
        var seal = AuditSeal.Create();
        var run = Sealed(seal, 1);
        Assert.NotEqual(seal.Seal(run.Experiment, 1), seal.Seal(run.Experiment, 1));
    }

    [Fact]
    public void Read_ScoreOfAnotherRun_IsNone()
    {
        var seal = AuditSeal.Create();
        Assert.Null(seal.Read(Sealed(seal, 1,
            new Experiment { Id = "e0002", Candidate = Candidate.Of(("x", 1)), Seed = 3, Budget = Budget.Unlimited })));
        Assert.Null(seal.Read(Sealed(seal, 1,
            new Experiment { Id = "e0001", Candidate = Candidate.Of(("x", 2)), Seed = 3, Budget = Budget.Unlimited })));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0.5")]
    [InlineData("AAAA")]
    public void Read_Forgery_IsNone(string text)
    {
        var seal = AuditSeal.Create();
        var run = Sealed(seal, 1);
        Assert.Null(seal.Read(
            run with { Result = run.Result with { Hashes = new Dictionary<string, string> { [AuditSeal.ResultKey] = text } } }));
        Assert.Null(seal.Read(run with { Result = run.Result with { Hashes = null } }));
        Assert.Null(seal.Read(run with { Result = run.Result with { Outcome = RunOutcome.Crashed } }));
    }

    [Fact]
    public void Open_SameFile_IsTheSameKeyAndForThisUserOnly()
    {
        var path = Path.Combine(_directory, "sub", "audit.key");
        var run = Sealed(AuditSeal.Open(path), 2);
        Assert.Equal(2, AuditSeal.Open(path).Read(run));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Open_OtherFile_SaysWhatToDo()
    {
        var path = Path.Combine(_directory, "x");
        File.WriteAllText(path, "hello");
        Assert.Contains("5 bytes", Assert.Throws<InvalidDataException>(() => AuditSeal.Open(path)).Message,
            StringComparison.Ordinal);
    }
}
