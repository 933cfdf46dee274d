namespace AutoResearch.Samples.TuneKernels;

/// <summary>The command line of TuneKernels.</summary>
internal sealed record Options
{
    public const string Help = """
        Tunes the library's own CPU kernels with the library's own loop: proposes tile and block sizes, checks that the results
        stay right, keeps what is truly faster, and saves the winner for this machine.

          --minutes M       end the search after M minutes (default 5)
          --threads N       threads of the kernels (default: all processors)
          --seed N          the seed that all others derive from (default 1)
          --out DIR         where journal and report go (default runs/tune-<date>)
          --dry-run         measure the defaults against themselves, then stop: shows the noise and saves nothing
        """;

    public double Minutes { get; init; } = 5;

    public int Threads { get; init; } = Environment.ProcessorCount;

    public long Seed { get; init; } = 1;

    public string Out { get; init; } = "";

    public bool DryRun { get; init; }

    /// <summary>The options of a command line; null when help was asked for.</summary>
    /// <exception cref="ArgumentException">The message names the argument, its value and the fix.</exception>
    public static Options? Parse(IReadOnlyList<string> args)
    {
        var options = new Options();
        for (var i = 0; i < args.Count; i++)
        {
            var name = args[i];
            string Value() => i + 1 < args.Count ? args[++i] : throw new ArgumentException($"{name} needs a value; see --help.");
            switch (name)
            {
                case "--help" or "-h": return null;
                case "--minutes": options = options with { Minutes = CommandLine.Number(name, Value(), 0.1) }; break;
                case "--threads": options = options with { Threads = CommandLine.Whole(name, Value(), 1) }; break;
                case "--seed": options = options with { Seed = CommandLine.Whole(name, Value(), 0) }; break;
                case "--out": options = options with { Out = Value() }; break;
                case "--dry-run": options = options with { DryRun = true }; break;
                default: throw new ArgumentException($"'{name}' is not an option; see --help.");
            }
        }

        return options.Out.Length > 0 ? options
            : options with { Out = CommandLine.NewDirectory("tune") };
    }
}
