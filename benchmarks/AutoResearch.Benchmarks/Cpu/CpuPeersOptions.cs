namespace AutoResearch.Benchmarks.Cpu;

/// <summary>The command line of <c>cpu-peers</c>.</summary>
internal sealed record CpuPeersOptions
{
    public const string Help = """
        Runs ours and the peers alternately on the same work and prints medians and ratios.

          --quick           fewer shapes and rounds, about a minute; writes nothing
          --only TEXT       only cases whose name contains TEXT; writes nothing
          --rounds N        rounds of a case (default 9, --quick 3; a case that takes long has fewer)
          --no-check        leave out the comparison of losses and gradients with PyTorch and the C program
          --table           print the results as Markdown, too
          --out FILE        where the results go (default cpu.json in benchmarks/results)
        """;

    public bool Quick { get; init; }

    public string Only { get; init; } = "";

    public int? Rounds { get; init; }

    public bool Check { get; init; } = true;

    public bool Table { get; init; }

    public string Out { get; init; } = "cpu.json";

    /// <summary>Whether the results are a complete table that may replace the recorded one.</summary>
    public bool Publishes => !Quick && Only.Length == 0;

    /// <summary>The options of a command line; null when help was asked for.</summary>
    /// <exception cref="ArgumentException">The message names the argument and the fix.</exception>
    public static CpuPeersOptions? Parse(IReadOnlyList<string> args)
    {
        var options = new CpuPeersOptions();
        for (var i = 0; i < args.Count; i++)
        {
            var name = args[i];
            string Value() => i + 1 < args.Count ? args[++i] : throw new ArgumentException($"{name} needs a value; see --help.");
            switch (name)
            {
                case "--help" or "-h": return null;
                case "--quick": options = options with { Quick = true }; break;
                case "--only": options = options with { Only = Value() }; break;
                case "--no-check": options = options with { Check = false }; break;
                case "--table": options = options with { Table = true }; break;
                case "--out": options = options with { Out = Value() }; break;
                case "--rounds":
                    var text = Value();
                    if (!int.TryParse(text, out var rounds) || rounds < 1)
                        throw new ArgumentException($"--rounds is '{text}'; it must be a whole number of at least 1.");
                    options = options with { Rounds = rounds };
                    break;
                default: throw new ArgumentException($"'{name}' is not an option; see --help.");
            }
        }

        return options;
    }
}
