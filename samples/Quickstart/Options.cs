namespace AutoResearch.Samples.Quickstart;

/// <summary>
/// The command line of the Quickstart. It is kept beside the journal, so that resuming needs the directory only.
/// </summary>
internal sealed record Options
{
    public const string Help = """
        Improves a small GPT on real text: proposes changes, trains each for a fixed time, keeps what is truly better.

          --experiments N   ideas to try (default 20)
          --budget 8s       training time of one run: 8s, 1.5m, 2h (default 6s)
          --minutes M       end the search after M minutes; 0 for no limit (default 4, or no limit when
                            --experiments or --budget is given)
          --data DIR        a folder of text files (default: the API documentation in the installed .NET SDK)
          --out DIR         where journal, results.tsv and report go (default runs/quickstart-<date>)
          --seed N          the seed that all other seeds derive from (default 1)
          --threads N       threads of one run (default: all processors)
          --resume DIR      go on with the run in DIR; everything else is read from it
        """;

    public int Experiments { get; init; } = 20;

    public TimeSpan Budget { get; init; } = TimeSpan.FromSeconds(6);

    public double? Minutes { get; init; }

    public string? Data { get; init; }

    public string Out { get; init; } = "";

    public long Seed { get; init; } = 1;

    public int Threads { get; init; } = Environment.ProcessorCount;

    public bool Resume { get; init; }

    /// <summary>The options of a command line; null when help was asked for.</summary>
    /// <exception cref="ArgumentException">The message names the argument, its value and the fix.</exception>
    public static Options? Parse(IReadOnlyList<string> args)
    {
        var options = new Options();
        var sized = false;
        for (var i = 0; i < args.Count; i++)
        {
            var name = args[i];
            if (name is "--help" or "-h") return null;
            string Value() => i + 1 < args.Count ? args[++i] : throw new ArgumentException($"{name} needs a value; see --help.");
            switch (name)
            {
                case "--experiments":
                    options = options with { Experiments = CommandLine.Whole(name, Value(), 1) };
                    sized = true;
                    break;
                case "--budget": options = options with { Budget = CommandLine.Duration(name, Value()) }; sized = true; break;
                case "--minutes": options = options with { Minutes = CommandLine.Number(name, Value(), 0) }; break;
                case "--data": options = options with { Data = Path.GetFullPath(Value()) }; break;
                case "--out": options = options with { Out = Value() }; break;
                case "--seed": options = options with { Seed = CommandLine.Whole(name, Value(), 0) }; break;
                case "--threads": options = options with { Threads = CommandLine.Whole(name, Value(), 1) }; break;
                case "--resume": return Resumed(Value());
                default: throw new ArgumentException($"'{name}' is not an option; see --help.");
            }
        }
        if (options.Out.Length == 0)
            options = options with { Out = CommandLine.NewDirectory("quickstart") };
        return options with { Minutes = options.Minutes ?? (sized ? 0 : 4) };
    }

    public void Save() => CommandLine.Save(this, Out);

    private static Options Resumed(string directory) =>
        CommandLine.Load<Options>(directory) with { Out = directory, Resume = true };
}
