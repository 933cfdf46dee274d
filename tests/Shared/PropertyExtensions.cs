using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using TestResult = FsCheck.TestResult;

namespace AutoResearch.Tests;

/// <summary>Runs an FsCheck property inside a plain xunit fact: a failure throws, the report goes to the test's output.</summary>
internal static class PropertyExtensions
{
    // A fixed seed keeps CI deterministic; FSCHECK_REPLAY="seed,gamma[,size]", as printed by a failing run, replaces it.
    private const string DefaultReplay = "5887242815800590213,7974427150908352201";

    public static void Verify(this Property property, int maxTest = 100, string? replay = null)
    {
        var parts = (replay ?? Environment.GetEnvironmentVariable("FSCHECK_REPLAY") ?? DefaultReplay)
            .Trim('(', ')').Split(',').Select(ulong.Parse).ToArray();
        var config = Config.Default.WithRunner(new XunitRunner(TestContext.Current.TestOutputHelper)).WithMaxTest(maxTest);
        property.Check(parts.Length == 3
            ? config.WithReplay(parts[0], parts[1], (int)parts[2])
            : config.WithReplay(parts[0], parts[1]));
    }

    private sealed class XunitRunner(ITestOutputHelper? output) : IRunner
    {
        public void OnStartFixture(Type t) { }

        public void OnArguments(int n, FSharpList<object> args, FSharpFunc<int, FSharpFunc<FSharpList<object>, string>> every) { }

        public void OnShrink(FSharpList<object> args, FSharpFunc<FSharpList<object>, string> every) { }

        public void OnFinished(string name, TestResult result)
        {
            var text = Runner.onFinishedToString(name, result);
            if (result.IsPassed) output?.WriteLine(text.TrimEnd());
            else Assert.Fail(text);
        }
    }
}
