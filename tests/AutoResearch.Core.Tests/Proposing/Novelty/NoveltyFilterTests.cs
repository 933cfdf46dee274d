using AutoResearch.Testing;
using Microsoft.Extensions.AI;

namespace AutoResearch.Tests;

public sealed class NoveltyFilterTests
{
    private const string Helper = "def helper(value, weight):\n    scaled = value * weight\n    return clip(scaled, low, high)\n";

    private static async Task<(string? Refusal, int? RetryOf)> CheckAsync(
        ResearchState state, Change change, NoveltyOptions? options = null, string title = "new idea")
    {
        var (refusal, retryOf, _) = await new NoveltyFilter(options ?? new()).CheckAsync(state,
            Chats.Idea(title, change, state.Incumbent.Candidate), TestContext.Current.CancellationToken);
        return (refusal, retryOf);
    }

    private static (Hypothesis, RunResult, Verdict) Tried(
        Change change, Verdict? verdict = null, string title = "old idea", Candidate? parent = null) =>
        (Chats.Idea(title, change, parent), ScriptedRunner.Completed("loss", 2), verdict ?? Chats.No());

    [Fact]
    public async Task Check_AnotherValue_IsNew() =>
        Assert.Equal((null, null), await CheckAsync(Chats.State(null, Tried(Chats.Replace("lr = 0.02", "lr = 0.03"))),
            Chats.Replace("lr = 0.02", "lr = 0.031")));

    [Fact]
    public async Task Check_SameCandidateByOtherEdits_IsRefused()
    {
        var whole = new SourceChange([new WriteFile("train.py", Chats.Train.Replace("0.02", "0.03", StringComparison.Ordinal))]);

        Assert.Contains("exactly the candidate of trial 1",
            (await CheckAsync(Chats.State(null, Tried(Chats.Replace("lr = 0.02", "lr = 0.03"))), whole)).Refusal,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_SamePatchWithOtherCommentsAndBlanks_IsRefused() =>
        Assert.Contains("nearly the same change as in trial 1",
            (await CheckAsync(Chats.State(null, Tried(Chats.Replace("lr = 0.02", "lr = 0.03"))),
                Chats.Replace("lr = 0.02", "lr  =  0.03  # warmer"))).Refusal, StringComparison.Ordinal);

    [Fact]
    public async Task Check_RenamedVariable_IsRefusedButDifferentCodeIsNot()
    {
        var state = Chats.State(null, Tried(new SourceChange([new WriteFile("lib/h.py", Helper)])));

        Assert.NotNull((await CheckAsync(
            state, new SourceChange([new WriteFile("lib/h.py", Helper.Replace("scaled", "value2", StringComparison.Ordinal))]),
            new() { Similarity = 0.8 })).Refusal);
        Assert.Null((await CheckAsync(state,
            new SourceChange([new WriteFile("lib/h.py", "def other(x):\n    return sqrt(x)\n")]))).Refusal);
    }

    [Fact]
    public async Task Check_SameIdeaOnANewIncumbent_IsAllowedAndMarked()
    {
        var first = Chats.Replace("lr = 0.02", "lr = 0.03");
        var state = Chats.State(null, Tried(first), Tried(Chats.Replace("range(100)", "range(200)"), Chats.Yes()));

        Assert.Equal((null, 1), await CheckAsync(state, first));
    }

    [Theory]
    [InlineData("train.py", "x = 1\n", "x = 1 # one\n", true)]
    [InlineData("train.py", "if a:\n    b()\n", "if a:\n  b()\n", false)] // indentation means something
    [InlineData("train.py", "s = \"# no comment\"\n", "s = \"# another\"\n", false)]
    [InlineData("train.py", "s = '''a\n\nb'''\n", "s = '''a\n\nc'''\n", false)]
    [InlineData("a.cs", "int x = 1; // one\n", "int x = 1; /* uno */\n", true)]
    [InlineData("a.cs", "var u = \"http://x\";\n", "var u = \"http://y\";\n", false)]
    [InlineData("a.cs", "#if A\nx();\n#endif\n", "x();\n", false)]
    [InlineData("a.cs", "f( 1 );\n\n", "f(  1 );\n", true)]
    [InlineData("notes.txt", "a  b\n", "a b\n", false)] // unknown languages are taken to the letter
    public void Normalized_SameProgram_AsDocumented(string path, string before, string after, bool same) =>
        Assert.Equal(same, NormalizedSource.Same(new SourceTree([new(path, before)]), new SourceTree([new(path, after)])));

    [Fact]
    public async Task Check_Embeddings_FindTheSameIdeaInOtherWords()
    {
        var state = Chats.State(null, Tried(new SourceChange([new WriteFile("lib/h.py", Helper)]), title: "clip the values"));
        var change = new SourceChange([new WriteFile("lib/g.py", "def limit(x):\n    return min(x, top)\n")]);

        Assert.Null((await CheckAsync(state, change)).Refusal);
        var options = new NoveltyOptions
        {
            Embeddings = new Embedder(text =>
                text.StartsWith("clip", StringComparison.Ordinal) || text.StartsWith("bound", StringComparison.Ordinal)),
        };
        Assert.Contains("in other words", (await CheckAsync(state, change, options, "bound the values")).Refusal,
            StringComparison.Ordinal);
        Assert.Null((await CheckAsync(state, change, options, "warm up")).Refusal);
    }

    private sealed class Embedder(Func<string, bool> isOne) : IEmbeddingGenerator<string, Embedding<float>>
    {
        public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
            IEnumerable<string> values, EmbeddingGenerationOptions? options, CancellationToken cancellationToken) =>
            Task.FromResult(new GeneratedEmbeddings<Embedding<float>>(
                values.Select(v => new Embedding<float>(isOne(v) ? new float[] { 1, 0.1f } : new float[] { 0, 1 }))));

        public object? GetService(Type serviceType, object? serviceKey) => null;

        public void Dispose()
        {
        }
    }
}
