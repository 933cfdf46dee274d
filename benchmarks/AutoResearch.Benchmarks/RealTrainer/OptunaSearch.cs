using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AutoResearch.Benchmarks.RealTrainer;

/// <summary>Optuna in a process of its own, asked for one candidate after the other.</summary>
internal sealed class OptunaSearch : IDisposable
{
    private readonly Process _process;
    private readonly ResearchProblem _problem;

    private OptunaSearch(Process process, ResearchProblem problem, string version) =>
        (_process, _problem, Version) = (process, problem, version);

    public string Version { get; }

    /// <summary>Starts Optuna; null when it is not installed.</summary>
    public static OptunaSearch? Start(ResearchProblem problem, int seed)
    {
        var script = Path.Combine(PeerResult.Root(), "benchmarks", "peers", "optuna_search.py");
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo("/usr/bin/python3", [script])
            {
                RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }

        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var setup = new JsonObject
        {
            ["seed"] = seed,
            ["baseline"] = new JsonObject(problem.Baseline.Parameters.Select(p => KeyValuePair.Create(p.Key, Json(p.Value)))),
            ["space"] = new JsonArray([.. problem.SearchSpace!.Parameters.Select(Describe)]),
        };
        process.StandardInput.WriteLine(setup.ToJsonString());
        process.StandardInput.Flush();
        var answer = process.StandardOutput.ReadLine();
        if (answer is null)
        {
            process.Dispose();
            return null;
        }

        return new(process, problem, JsonDocument.Parse(answer).RootElement.GetProperty("version").GetString()!);
    }

    /// <summary>The next candidate; the first is the baseline.</summary>
    public Candidate Ask()
    {
        _process.StandardInput.WriteLine("ask");
        _process.StandardInput.Flush();
        var answer = JsonDocument.Parse(_process.StandardOutput.ReadLine() ?? throw new IOException("Optuna ended.")).RootElement;
        return new Candidate
        {
            Parameters = new(
                _problem.SearchSpace!.Parameters.Select(p => KeyValuePair.Create(p.Name, Value(p, answer.GetProperty(p.Name))))),
        };
    }

    public void Tell(double? score)
    {
        _process.StandardInput.WriteLine(
            (score ?? double.NaN).ToString("R", CultureInfo.InvariantCulture).Replace("NaN", "nan", StringComparison.Ordinal));
        _process.StandardInput.Flush();
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit(5000);
        _process.Dispose();
    }

    private static JsonNode Describe(SearchParameter parameter) => parameter switch
    {
        FloatParameter f => new JsonObject { ["name"] = f.Name, ["low"] = f.Low, ["high"] = f.High, ["log"] = f.IsLog },
        CategoricalParameter c => new JsonObject { ["name"] = c.Name, ["choices"] = new JsonArray([.. c.Values.Select(Json)]) },
        _ => throw new NotSupportedException($"{parameter.Name} is of a kind that this peer is not told of."),
    };

    private static JsonNode? Json(ParameterValue value) => value.Kind switch
    {
        ParameterKind.Integer => JsonValue.Create(value.AsInteger()),
        ParameterKind.Float => JsonValue.Create(value.AsFloat()),
        _ => JsonValue.Create(value.ToString()),
    };

    private static ParameterValue Value(SearchParameter parameter, JsonElement value) => parameter is FloatParameter
        ? value.GetDouble()
        : value.ValueKind == JsonValueKind.Number ? value.GetInt64() : value.GetString()!;
}
