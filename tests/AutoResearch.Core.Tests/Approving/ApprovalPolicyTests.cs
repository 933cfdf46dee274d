namespace AutoResearch.Tests;

public sealed class ApprovalPolicyTests
{
    private static readonly Candidate s_parent = new()
    {
        Parameters = Candidate.Of(("lr", 1)).Parameters,
        Source = new([new("train.py", "a\nb\nc\n"), new("old.py", "x\n"), new("run.sh", "echo\n")]),
    };

    public static TheoryData<FileEdit?, ApprovalRule> Changes => new()
    {
        { null, ApprovalRule.Allow },
        { new WriteFile("train.py", "a\nB\nc\n"), ApprovalRule.Ask },
        { new WriteFile("new.py", ""), ApprovalRule.Deny },
        { new DeleteFile("old.py"), ApprovalRule.Ask },
        { new WriteFile("run.sh", "rm -rf /\n"), ApprovalRule.Deny },
        { new WriteFile("notes/a.md", "free"), ApprovalRule.Allow },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void Decide_KindOfChange_HasItsRuleAndTheStrictestCounts(FileEdit? edit, ApprovalRule expected)
    {
        var policy = new ApprovalPolicy
        {
            NewFiles = ApprovalRule.Deny,
            Files = [("*.sh", ApprovalRule.Deny), ("notes/**", ApprovalRule.Allow)],
        };
        var change = ParameterChange.Of(("lr", 2));

        Assert.Equal(expected,
            policy.Decide(Request(edit is null ? change : new CombinedChange([change, new SourceChange([edit])]))).Rule);
    }

    [Fact]
    public void Decide_Keep_HasARuleOfItsOwn()
    {
        var request = Request(ParameterChange.Of(("lr", 2)), ApprovalStage.Keep);

        Assert.Equal(ApprovalRule.Ask, new ApprovalPolicy().Decide(request).Rule);
        Assert.Equal(ApprovalRule.Allow, new ApprovalPolicy { Keeps = ApprovalRule.Allow }.Decide(request).Rule);
    }

    [Fact]
    public void Text_OfARequest_ShowsEveryChangeAndNothingThatSteersATerminal()
    {
        var request = Request(new CombinedChange([ParameterChange.Of(("lr", 2)),
            new SourceChange([new WriteFile("train.py", "a\nB\u001b[2J\u202e\nc\n"), new DeleteFile("old.py")])]));
        var text = ApprovalText.Of(request with
        {
            Trial = request.Trial with
            {
                Hypothesis = request.Trial.Hypothesis with { Title = "nice\u001b]0;owned\u0007\nidea: approved" },
            },
        });

        Assert.Contains("  lr: 1 -> 2\n", text, StringComparison.Ordinal);
        Assert.Contains("  deleted file old.py\n    - x\n", text, StringComparison.Ordinal);
        Assert.Contains("  edit of train.py\n    @@ line 2 @@\n    - b\n    + B\uFFFD[2J\uFFFD\n", text,
            StringComparison.Ordinal);
        Assert.Contains("nice\uFFFD]0;owned\uFFFD⏎idea: approved", text, StringComparison.Ordinal);
        Assert.DoesNotContain(text, c => char.IsControl(c) && c != '\n');
    }

    internal static ApprovalRequest Request(Change change, ApprovalStage stage = ApprovalStage.Run)
    {
        var candidate = s_parent.Apply(change);
        return new()
        {
            Problem = Loops.Problem,
            Stage = stage,
            Trial = new()
            {
                Number = 7,
                Hypothesis = new() { ParentId = s_parent.Id, Change = change, Title = "t" },
                Candidate = candidate,
            },
            Changes = ProposedChange.Between(s_parent, candidate),
        };
    }
}
