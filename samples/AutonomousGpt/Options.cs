namespace AutoResearch.Samples.AutonomousGpt;

/// <summary>The command line. It is kept beside the journal, so that resuming needs the directory only.</summary>
internal sealed record Options
{
    public const string Help = """
        A language model edits train.cs, the loop trains every version for a fixed time, a host that the version cannot reach
        scores it, and only what is truly better is kept, as commits of a git repository of its own. Without a key a script plays
        the researcher.

          --experiments N   ideas to try (default: all of the script, or 40 with a model)
          --budget 5s       training time of one run: 5s, 1.5m, 1h (default 5s for the script, 60s with a model)
          --endpoint URL    a server that speaks OpenAI's protocol, e.g. http://localhost:11434/v1 for Ollama
          --model NAME      its model; also the model asked with ANTHROPIC_API_KEY or OPENAI_API_KEY
          --script          the script, even if there is a key
          --data DIR        a folder of text files (default: the API documentation in the installed .NET SDK)
          --out DIR         where journal, repository and report go (default runs/autonomous-<date>)
          --seed N          the seed that all other seeds derive from (default 1)
          --no-sandbox WHY  run candidates without a sandbox, e.g. in a container that is one; the reason is recorded
          --resume DIR      go on with the run in DIR; everything else is read from it
        """;

    public int? Experiments { get; init; }

    public TimeSpan? Budget { get; init; }

    public string? Endpoint { get; init; }

    public string? Model { get; init; }

    public bool Script { get; init; }

    public string? Data { get; init; }

    public string Out { get; init; } = "";

    public long Seed { get; init; } = 1;

    public string? NoSandbox { get; init; }

    public bool Resume { get; init; }

    /// <summary>The options of a command line; null when help was asked for.</summary>
    /// <exception cref="ArgumentException">The message names the argument, its value and the fix.</exception>
    public static Options? Parse(IReadOnlyList<string> args)
    {
        var options = new Options();
        for (var i = 0; i < args.Count; i++)
        {
            var name = args[i];
            if (name is "--help" or "-h") return null;
            string Value() => i + 1 < args.Count ? args[++i] : throw new ArgumentException($"{name} needs a value; see --help.");
            switch (name)
            {
                case "--experiments": options = options with { Experiments = CommandLine.Whole(name, Value(), 1) }; break;
                case "--budget": options = options with { Budget = CommandLine.Duration(name, Value()) }; break;
                case "--endpoint": options = options with { Endpoint = Value() }; break;
                case "--model": options = options with { Model = Value() }; break;
                case "--script": options = options with { Script = true }; break;
                case "--data": options = options with { Data = Path.GetFullPath(Value()) }; break;
                case "--out": options = options with { Out = Value() }; break;
                case "--seed": options = options with { Seed = CommandLine.Whole(name, Value(), 0) }; break;
                case "--no-sandbox": options = options with { NoSandbox = Value() }; break;
                case "--resume": return Resumed(Value());
                default: throw new ArgumentException($"'{name}' is not an option; see --help.");
            }
        }

        if (options.Endpoint is not null && options.Model is null)
            throw new ArgumentException("--endpoint needs --model NAME, the model that the server has.");
        return options.Out.Length > 0 ? options : options with { Out = CommandLine.NewDirectory("autonomous") };
    }

    public void Save() => CommandLine.Save(this, Out);

    private static Options Resumed(string directory) =>
        CommandLine.Load<Options>(directory) with { Out = directory, Resume = true };
}
