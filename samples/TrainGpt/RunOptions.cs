using System.Globalization;
using AutoResearch;
using AutoResearch.Pretraining;

namespace TrainGpt;

/// <summary>What the command line asks for. Options of model and training come from the library's catalogue.</summary>
internal sealed record RunOptions
{
    private static readonly (string Name, string Default, string Description)[] s_own =
    [
        ("--seconds", "30", "budget of training time"),
        ("--steps", "no limit", "budget of optimizer steps"),
        ("--tokens", "no limit", "budget of training tokens"),
        ("--device", "cpu", "cpu or cuda"),
        ("--threads", "all processors", "threads that compute (cpu)"),
        ("--seed", "42", "decides initial weights and the order of the text"),
        ("--data", "SDK documentation", "folder of text files to train on"),
        ("--val-bytes", "262144", "bytes of validation text that are scored"),
        ("--load", "", "checkpoint to continue from"),
        ("--save", "", "checkpoint to write at the end"),
        ("--sample", "0", "tokens of sample text to print at the end"),
        ("--prompt", "", "beginning of the sample text"),
    ];

    public TrainingSetup Setup { get; private init; } = new();

    public Budget Budget { get; private init; } = Budget.TrainingTime(TimeSpan.FromSeconds(30));

    /// <summary>Whether to train on the GPU.</summary>
    public bool Cuda { get; private init; }

    public int Threads { get; private init; } = Environment.ProcessorCount;

    public long Seed { get; private init; } = 42;

    public string? Data { get; private init; }

    public long ValidationBytes { get; private init; } = 256 << 10;

    public string? Load { get; private init; }

    public string? Save { get; private init; }

    public int SampleTokens { get; private init; }

    public string Prompt { get; private init; } = "";

    public bool Help { get; private init; }

    /// <summary>Reads <c>--name value</c> and <c>--name=value</c>.</summary>
    /// <exception cref="ArgumentException">An option is unknown, has no value or a wrong one.</exception>
    public static RunOptions Parse(IReadOnlyList<string> arguments)
    {
        var (options, budget) = (new RunOptions(), Budget.Unlimited);
        for (var i = 0; i < arguments.Count; i++)
        {
            var (name, value) = arguments[i].Split('=', 2) is [var left, var right] ? (left, right) : (arguments[i], null);
            if (name is "--help" or "-h") return options with { Help = true };
            var parameter = TrainingParameters.All.FirstOrDefault(p => p.Option == name);
            if (parameter is null && !s_own.Any(o => o.Name == name))
                throw new ArgumentException(
                    $"There is no option '{name}'. Did you mean '{TrainingParameters.Nearest(name, Names)}'? --help lists all.");
            value ??= ++i < arguments.Count ? arguments[i] : throw new ArgumentException($"The option {name} needs a value.");
            if (parameter is not null)
            {
                options = options with
                {
                    Setup = TrainingParameters.Apply(options.Setup,
                        [new(parameter.Name, TrainingParameters.Parse(parameter, value))]),
                };
                continue;
            }

            switch (name)
            {
                case "--seconds": budget = budget with { Training = TimeSpan.FromSeconds(Number(name, value)) }; break;
                case "--steps": budget = budget with { Steps = Integer(name, value) }; break;
                case "--tokens": budget = budget with { Tokens = Integer(name, value) }; break;
                case "--device":
                    if (value is not ("cpu" or "cuda"))
                        throw new ArgumentException($"The option --device cannot be '{value}'; it must be cpu or cuda.");
                    options = options with { Cuda = value == "cuda" };
                    break;
                case "--threads": options = options with { Threads = (int)Integer(name, value, 1, 1024) }; break;
                case "--seed": options = options with { Seed = Integer(name, value, 0, int.MaxValue) }; break;
                case "--data": options = options with { Data = value }; break;
                case "--val-bytes": options = options with { ValidationBytes = Integer(name, value, 1) }; break;
                case "--load": options = options with { Load = value }; break;
                case "--save": options = options with { Save = value }; break;
                case "--sample": options = options with { SampleTokens = (int)Integer(name, value, 0, 100_000) }; break;
                default: options = options with { Prompt = value }; break;
            }
        }

        options.Setup.Validate();
        return budget == Budget.Unlimited ? options : options with { Budget = budget.Validate() };
    }

    public static void PrintHelp(TextWriter output)
    {
        output.WriteLine("Trains a GPT on text and closes with val_bpb, the bits per byte of held-out text.\n");
        output.WriteLine("  dotnet run -c Release --project samples/TrainGpt -- [--option value]...\n\nRun");
        foreach (var (name, standard, description) in s_own) Line(name, standard, description);
        output.WriteLine("\nModel and training");
        foreach (var parameter in TrainingParameters.All)
            Line(parameter.Option, parameter.Default.ToString(), parameter.Description);

        void Line(string name, string standard, string description) =>
            output.WriteLine($"  {name,-22} {description}{(standard.Length == 0 ? "" : $" [{standard}]")}");
    }

    private static IEnumerable<string> Names => s_own.Select(o => o.Name).Concat(TrainingParameters.All.Select(p => p.Option));

    private static long Integer(string name, string value, long least = long.MinValue, long most = long.MaxValue) =>
        long.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) && number >= least
            && number <= most
            ? number
            : throw new ArgumentException($"The option {name} cannot be '{value}'; it must be an integer"
                + (least > long.MinValue ? $" of at least {least}." : "."));

    private static double Number(string name, string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number is > -1e9 and < 1e9
            ? number
            : throw new ArgumentException($"The option {name} cannot be '{value}'; it must be a number.");
}
