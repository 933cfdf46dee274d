using System.Text.Json;
using AutoResearch.Testing;
using Microsoft.Extensions.AI;

namespace AutoResearch.Tests;

/// <summary>Answers, states and sources for tests of language-model proposers.</summary>
internal static class Chats
{
    public const string Train = "import lib\nlr = 0.02\nfor step in range(100):\n    train(lr)\n";

    public static ResearchProblem Problem { get; } = new("toy")
    {
        Objective = Objective.Minimize("loss"),
        Instructions = "Lower the loss of the toy.",
        Baseline =
            new Candidate { Parameters = ParameterSet.Of(("depth", 4)), Source = new SourceTree([new("train.py", Train)]) },
        Editable = ["train.py", "lib/*.py"],
    };

    public static string Edit(
        string search, string replace, string title = "an idea", string? note = null, string path = "train.py") =>
        Json(title, note, edits: [(path, "replace", search, replace, null)]);

    public static string Write(string path, string content, string title = "an idea") =>
        Json(title, null, edits: [(path, "write", null, null, content)]);

    public static string Set(string name, object value, string title = "an idea") =>
        Json(title, null, parameters: [(name, value)]);

    public static string Json(string title, string? note, (string, object)[]? parameters = null,
        (string Path, string Kind, string? Search, string? Replace, string? Content)[]? edits = null) =>
        JsonSerializer.Serialize(new
        {
            title,
            rationale = "because",
            expected_gain = 0.01,
            note,
            parameters = (parameters ?? []).Select(p => new { name = p.Item1, value = p.Item2 }),
            edits = (edits ?? []).Select(e =>
                new { path = e.Path, kind = e.Kind, search = e.Search, replace = e.Replace, content = e.Content }),
        });

    /// <summary>A state with these finished trials on the baseline.</summary>
    public static ResearchState State(
        ResearchProblem? problem = null, params (Hypothesis Hypothesis, RunResult Result, Verdict Verdict)[] trials)
    {
        problem ??= Problem;
        var history = new ResearchHistory();
        history.Apply(new LoopStarted(problem, 1));
        Run("e0001", problem.Baseline, RunPurpose.Baseline, 0, ScriptedRunner.Completed("loss", 1));
        Run("e0002", problem.Baseline, RunPurpose.Baseline, 0, ScriptedRunner.Completed("loss", 1.01));
        foreach (var (hypothesis, result, verdict) in trials)
        {
            var number = history.Trials.Count + 1;
            var parent = history.FindCandidate(hypothesis.ParentId)!;
            var candidate = hypothesis.Change is InvalidChange ? null : parent.Apply(hypothesis.Change);
            history.Apply(new HypothesisProposed(number, hypothesis, candidate));
            if (candidate is not null) Run($"e{number + 2:D4}", candidate, RunPurpose.Screen, number, result);
            history.Apply(new TrialJudged(number, verdict));
            if (verdict is Accept) history.Apply(new IncumbentAdvanced(history.Incumbents.Count, number, candidate!.Id));
        }

        return history.State;

        void Run(string id, Candidate candidate, RunPurpose purpose, int trial, RunResult result)
        {
            history.Apply(new ExperimentStarted(
                new() { Id = id, Candidate = candidate, Seed = 1, Budget = Budget.Unlimited, Purpose = purpose, Trial = trial }));
            history.Apply(new ExperimentFinished(id, result));
        }
    }

    public static Hypothesis Idea(string title, Change change, Candidate? parent = null) =>
        new() { ParentId = (parent ?? Problem.Baseline).Id, Title = title, Change = change, Proposer = "test" };

    public static SourceChange Replace(string search, string replace) => new([new ReplaceText("train.py", search, replace)]);

    public static Reject No(string reason = "not better") => new() { Reason = reason };

    public static Accept Yes(double gain = 0.1) =>
        new() { Reason = "better", Statistics = new Dictionary<string, double> { ["gain"] = gain } };

    public static async Task<Hypothesis> AskAsync(this ChatProposer proposer, ResearchState? state = null) =>
        (await proposer.ProposeAsync(state ?? State(), TestContext.Current.CancellationToken))!;

    public static ChatResponse Cut(string text) =>
        new(new ChatMessage(ChatRole.Assistant, text)) { FinishReason = ChatFinishReason.Length };
}
