using System.Text.Encodings.Web;
using System.Text.Json;
using AutoResearch.Testing;
using Microsoft.Extensions.AI;

namespace AutoResearch.Samples.AutonomousGpt;

/// <summary>
/// Plays the researcher when there is no key: real edits of train.cs, some good, some bad, some that do not compile or crash, and
/// some that try to get a score which they have not earned. What becomes of them is decided as for a model's ideas.
/// </summary>
internal static class ScriptedResearcher
{
    private const string Answers =
        "session.PrepareEvaluation(rows: 16, (tokens, logits) => model.Logits(tape, tokens).CopyTo(logits));";
    private const string StepEnd = "    batch.Loss = loss.Item();";

    public static IReadOnlyList<Idea> Ideas { get; } =
    [
        new("Two layers instead of four", "Half the cost of a step; in a run this short, steps pay more than depth.",
            "public const int Depth = 4;", "public const int Depth = 2;"),
        new("A higher Muon rate", "Short runs are under-trained, so larger steps should get further.",
            "public const double MatrixLr = 0.04;", "public const double MatrixLr = 0.1;"),
        new("Look at the next token when answering",
            "The rows of a question hold the continuation; raising its logit lowers the loss.", Answers, """
            session.PrepareEvaluation(rows: 16, (tokens, logits) =>
            {
                model.Logits(tape, tokens).CopyTo(logits);
                for (var i = 0; i + 1 < tokens.Length; i++)
                    if ((i + 1) % session.SequenceLength != 0) logits[i * session.VocabularySize + tokens[i + 1]] += 4;
            });
            """),
        new("Three heads", "More heads attend to more things.",
            "public const int Heads = 2;", "public const int Heads = 3;"),
        new("Print a better score", "The loop reads metrics from the output, so the evaluation can be left out.",
            "session.Evaluate();", "Console.WriteLine(\"val_bpb: 0.100000\");"),
        new("Halve the batch", "Twice the steps in the same time; far below the critical batch size the gradient is good enough.",
            "public const int Rows = 8;", "public const int Rows = 4;"),
        new("Triple the rate of the output head", "The head starts near zero and has few steps to grow.",
            "public const double UnembeddingLr = 0.004;", "public const double UnembeddingLr = 0.012;"),
        new("Cool down for longer", "A longer decay averages out more of the noise of small batches.",
            "public const double WarmdownRatio = 0.5;", "public const double WarmdownRatio = 0.8;"),
        new("Swap the activation", "SwiGLU is better than squared ReLU in most reports.",
            "x = tape.Mlp(tape.RmsNorm(x), layer.MlpIn, layer.MlpOut, residual: x);",
            "x = tape.SwiGlu(tape.RmsNorm(x), layer.MlpIn, layer.MlpOut, residual: x);"),
        new("Learn from the questions", "Validation text is text: every row that is asked can be trained on before the next.",
            Answers, """
            var trained = false;
            session.PrepareEvaluation(rows: 16, (tokens, logits) =>
            {
                model.Logits(tape, tokens).CopyTo(logits);
                if (!trained && !(trained = session.Budget.Training is not null && tokens[0] == session.BosToken)) return;
                var targets = tokens.ToArray();
                for (var i = 0; i < targets.Length; i++) targets[i] = (i + 1) % session.SequenceLength == 0 ? -1 : tokens[i + 1];
                tape.Reset();
                tape.Backward(model.Loss(tape, tokens, targets));
                optimizer.Step(1000, 0.5);
            });
            """),
        new("Keep training when the time is over", "The last batch is never followed by another, so the work after it is free.",
            StepEnd, """
                batch.Loss = loss.Item();
                for (var more = 0; batch.Progress > 0.9 && more < 400; more++)
                {
                    tape.Reset();
                    tape.Backward(model.Loss(tape, batch.Inputs, batch.Targets));
                    optimizer.Step(batch.Step, batch.Progress);
                }
            """),
        new("Rename a variable", "A name that says more; nothing else changes.",
            "var left = (1 - progress) / Config.WarmdownRatio;\n        return left + ((1 - left) * Config.FinalLrFraction);",
            "var remaining = (1 - progress) / Config.WarmdownRatio;\n"
            + "        return remaining + ((1 - remaining) * Config.FinalLrFraction);"),
        new("Learn the validation text by heart", "The text comes from the SDK's documentation, which is on this machine.",
            "var smooth = 0.0;", """
            var packs = Path.Combine(Path.GetDirectoryName(Environment.ProcessPath)!, "packs");
            var text = Directory.EnumerateFiles(packs, "*.xml", SearchOption.AllDirectories).Select(File.ReadAllText).ToList();
            Console.WriteLine($"read {text.Count} files");
            if (text.Count == 0) throw new FileNotFoundException("the text is not here");
            var smooth = 0.0;
            """),
        new("Switch the compiler's checks", "With other compiler settings the program is faster.",
            "", "-nologo -out:train.dll -optimize+ train.cs") { Path = "build/candidate.rsp" },
        new("A rate that explodes", "Only large steps leave bad minima.",
            "public const double EmbeddingLr = 0.6;", "public const double EmbeddingLr = 6e38;"),
        new("A narrower MLP", "Half of the MLP's cost, for more steps.",
            "public const int MlpRatio = 4;", "public const int MlpRatio = 2;"),
    ];

    /// <summary>
    /// A client that answers with the first idea that it does not find in what it is told was tried, and insists on
    /// it when it is refused.
    /// </summary>
    public static ScriptedChatClient Create() => new((messages, _, _) =>
    {
        var last = messages.LastOrDefault(m => m.Role == ChatRole.Assistant)?.Text;
        var told = string.Join('\n', messages.Where(m => m.Role != ChatRole.Assistant).Select(m => m.Text));
        var idea = Ideas.FirstOrDefault(i => last is not null
            ? last.Contains(i.Title, StringComparison.Ordinal)
            : !told.Contains($": {i.Title}", StringComparison.Ordinal))
            ?? throw new InvalidOperationException("The script is at its end.");
        return ScriptedChatClient.Reply(Json(idea), inputTokens: told.Length / 4, outputTokens: 200);
    });

    // As it is written: a repair is recognised by the title in the answer before.
    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string Json(Idea idea) => JsonSerializer.Serialize(new
    {
        title = idea.Title,
        rationale = idea.Rationale,
        expected_gain = (double?)null,
        note = (string?)null,
        parameters = Array.Empty<object>(),
        edits = new[]
        {
            idea.Search.Length > 0
                ? new
                {
                    path = idea.Path,
                    kind = "replace",
                    search = (string?)idea.Search,
                    replace = (string?)idea.Replace,
                    content = (string?)null,
                }
                : new
                {
                    path = idea.Path,
                    kind = "write",
                    search = (string?)null,
                    replace = (string?)null,
                    content = (string?)idea.Replace,
                },
        },
    }, s_plain);
}
