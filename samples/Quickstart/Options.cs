using System.Globalization;
using System.Text.Json;

namespace AutoResearch.Samples.Quickstart;

/// <summary>The command line of the Quickstart. It is kept beside the journal, so that resuming needs the directory only.</summary>
internal sealed record Options
{
    private const string FileName = "options.json";

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
                case "--experiments": options = options with { Experiments = Whole(name, Value(), 1) }; sized = true; break;
                case "--budget": options = options with { Budget = Duration(name, Value()) }; sized = true; break;
                case "--minutes": options = options with { Minutes = Number(name, Value()) }; break;
                case "--data": options = options with { Data = Path.GetFullPath(Value()) }; break;
                case "--out": options = options with { Out = Value() }; break;
                case "--seed": options = options with { Seed = Whole(name, Value(), 0) }; break;
                case "--threads": options = options with { Threads = Whole(name, Value(), 1) }; break;
                case "--resume": return Load(Value());
                default: throw new ArgumentException($"'{name}' is not an option; see --help.");
            }
        }
        if (options.Out.Length == 0)
            options = options with { Out = Path.Combine("runs", $"quickstart-{TimeProvider.System.GetLocalNow():yyyyMMdd-HHmmss}") };
        return options with { Minutes = options.Minutes ?? (sized ? 0 : 4) };
    }

    public void Save()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(Path.Combine(Out, FileName), JsonSerializer.Serialize(this));
    }

    private static Options Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) throw new ArgumentException($"There is nothing to resume in '{directory}': it has no {FileName}.");
        return JsonSerializer.Deserialize<Options>(File.ReadAllText(path))! with { Out = directory, Resume = true };
    }

    private static int Whole(string name, string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least
            ? value
            : throw new ArgumentException($"{name} is '{text}'; it must be a whole number of at least {least}.");

    private static double Number(string name, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentException($"{name} is '{text}'; it must be a number of at least 0.");

    private static TimeSpan Duration(string name, string text)
    {
        var (digits, unit) = text.Length > 0 && char.IsLetter(text[^1]) ? (text[..^1], text[^1]) : (text, 's');
        var seconds = unit switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 };
        return double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value * seconds is > 0 and < 1e8
            ? TimeSpan.FromSeconds(value * seconds)
            : throw new ArgumentException($"{name} is '{text}'; it must be a positive time such as 8s, 1.5m or 2h.");
    }
}
