using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;

namespace AutoResearch.Samples;

/// <summary>What the command lines of the samples have in common.</summary>
internal static class CommandLine
{
    private const string FileName = "options.json";

    /// <summary>
    /// Reads the arguments. False where the program is to end with <paramref name="exitCode"/>: help was
    /// printed, or what is wrong.
    /// </summary>
    public static bool TryRead<T>(
        string[] args, Func<IReadOnlyList<string>, T?> parse, string help, [NotNullWhen(true)] out T? options, out int exitCode)
        where T : class
    {
        (options, exitCode) = (null, 0);
        try
        {
            options = parse(args);
            if (options is null) Console.WriteLine(help);
        }
        catch (ArgumentException e)
        {
            Console.Error.WriteLine(e.Message);
            exitCode = 2;
        }

        return options is not null;
    }

    /// <summary>
    /// Cancelled by Ctrl+C, which then does not end the process: the loop ends the run, records it and writes the report.
    /// </summary>
    public static CancellationTokenSource StopOnControlC()
    {
        var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = true;
            stop.Cancel();
        };
        return stop;
    }

    /// <summary>A directory for a new run.</summary>
    public static string NewDirectory(string name) =>
        Path.Combine("runs", $"{name}-{TimeProvider.System.GetLocalNow():yyyyMMdd-HHmmss}");

    /// <summary>Keeps options beside the journal, so that resuming needs the directory only.</summary>
    public static void Save<T>(T options, string directory)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, FileName), JsonSerializer.Serialize(options));
    }

    /// <summary>What <see cref="Save"/> left.</summary>
    public static T Load<T>(string directory)
    {
        var path = Path.Combine(directory, FileName);
        return File.Exists(path)
            ? JsonSerializer.Deserialize<T>(File.ReadAllText(path))!
            : throw new ArgumentException($"There is nothing to resume in '{directory}': it has no {FileName}.");
    }

    public static int Whole(string name, string text, int least) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least
            ? value
            : throw new ArgumentException($"{name} is '{text}'; it must be a whole number of at least {least}.");

    public static double Number(string name, string text, double least) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= least && value < 1e6
            ? value
            : throw new ArgumentException(
                FormattableString.Invariant($"{name} is '{text}'; it must be a number of at least {least} and below a million."));

    public static TimeSpan Duration(string name, string text)
    {
        var (digits, unit) = text.Length > 0 && char.IsLetter(text[^1]) ? (text[..^1], text[^1]) : (text, 's');
        var seconds = unit switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 };
        return double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && value * seconds is > 0 and < 1e8
            ? TimeSpan.FromSeconds(value * seconds)
            : throw new ArgumentException($"{name} is '{text}'; it must be a positive time such as 8s, 1.5m or 2h.");
    }
}
