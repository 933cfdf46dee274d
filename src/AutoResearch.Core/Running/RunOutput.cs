using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AutoResearch;

/// <summary>
/// Reads a program's output as it comes: keeps a bounded tail, and finds metrics in autoresearch's summary lines, in JSON lines
/// and in its progress lines. Memory does not depend on how much is written, nor on how long a line is. Thread-safe.
/// </summary>
internal sealed partial class RunOutput(int tailLength, IProgress<Measurement>? progress, Func<TimeSpan> elapsed)
{
    private const int MaxLine = 4096;
    private readonly Lock _lock = new();
    private readonly StringBuilder _tail = new();
    private readonly Dictionary<string, double> _metrics = new(StringComparer.Ordinal);
    private bool _lastStepDiverged;

    /// <summary>Metrics found so far; the last value of a name counts.</summary>
    public IReadOnlyDictionary<string, double> Metrics
    {
        get { lock (_lock) return new Dictionary<string, double>(_metrics, StringComparer.Ordinal); }
    }

    /// <summary>The end of the output.</summary>
    public string Tail
    {
        get
        {
            lock (_lock)
                return _tail.Length > tailLength ? _tail.ToString(_tail.Length - tailLength, tailLength) : _tail.ToString();
        }
    }

    /// <summary>True once a metric was NaN or infinite.</summary>
    public bool SawNonFiniteLoss { get; private set; }

    /// <summary>
    /// True when the last loss that was reported is NaN or infinite: of the last step, or of a metric with loss in its name.
    /// </summary>
    public bool EndedDiverged
    {
        get
        {
            lock (_lock)
                return _lastStepDiverged
                    || _metrics.Any(m => !double.IsFinite(m.Value) && m.Key.Contains("loss", StringComparison.OrdinalIgnoreCase));
        }
    }

    /// <summary>Reads a stream to its end.</summary>
    public async Task ReadAsync(Stream stream)
    {
        var (bytes, chars, decoder, line, cut) = (new byte[16384], new char[16384], Encoding.UTF8.GetDecoder(),
            new StringBuilder(), false);
        while (true)
        {
            int count;
            try
            {
                count = await stream.ReadAsync(bytes).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
            {
                return; // the run gave the stream up
            }
            var length = decoder.GetChars(bytes, 0, count, chars, 0, flush: count == 0);
            lock (_lock)
            {
                Keep(chars.AsSpan(0, length));
                foreach (var c in chars.AsSpan(0, length))
                {
                    if (c is '\n' or '\r')
                    {
                        if (!cut) Read(line.ToString());
                        line.Clear();
                        cut = false;
                    }
                    else if (line.Length < MaxLine)
                    {
                        line.Append(c);
                    }
                    else
                    {
                        cut = true; // no metric is that long
                    }
                }
                if (count == 0 && !cut) Read(line.ToString());
            }
            if (count == 0) return;
        }
    }

    private void Keep(ReadOnlySpan<char> text)
    {
        _tail.Append(text);
        if (_tail.Length > 2 * tailLength) _tail.Remove(0, _tail.Length - tailLength);
    }

    private void Read(string line)
    {
        if (line.Length < 3) return;
        if (Progress().Match(line) is { Success: true } step)
        {
            if (!TryNumber(step.Groups[3].Value, out var loss)) return;
            _lastStepDiverged = !double.IsFinite(loss);
            var share = double.TryParse(step.Groups[2].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var percent)
                ? percent / 100
                : (double?)null;
            Report("train_loss", loss, long.Parse(step.Groups[1].Value, CultureInfo.InvariantCulture), share);
        }
        else if (Summary().Match(line) is { Success: true } summary && TryNumber(summary.Groups[2].Value, out var value))
        {
            _metrics[summary.Groups[1].Value] = value;
            if (!double.IsFinite(value)) SawNonFiniteLoss = true;
        }
        else if (line.AsSpan().TrimStart().StartsWith("{"))
        {
            ReadJson(line);
        }
    }

    // A line with a "step" is a measurement as well, so that a program can report while it runs.
    private void ReadJson(string line)
    {
        try
        {
            // Python writes NaN and Infinity bare, which is not JSON; a dropped line would leave an older value standing.
            using var document = JsonDocument.Parse(NotJson().Replace(line, "$1\"$2\"$3"));
            var numbers = new List<(string Name, double Value)>();
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Value.ValueKind == JsonValueKind.Number) numbers.Add((property.Name, property.Value.GetDouble()));
                else if (property.Value.ValueKind == JsonValueKind.String
                    && property.Value.GetString() is "NaN" or "Infinity" or "-Infinity")
                    numbers.Add((property.Name, property.Value.GetString() == "NaN" ? double.NaN : double.PositiveInfinity));
            }
            SawNonFiniteLoss |= numbers.Exists(n => !double.IsFinite(n.Value));
            var step = numbers.Find(n => n.Name == "step");
            foreach (var (name, value) in numbers)
            {
                _metrics[name] = value;
                if (step.Name is not null && name != "step") Report(name, value, (long)step.Value, null);
            }
        }
        catch (JsonException)
        {
            // not JSON after all
        }
    }

    private void Report(string metric, double value, long step, double? share)
    {
        if (!double.IsFinite(value)) SawNonFiniteLoss = true;
        progress?.Report(new Measurement(metric, value, step, elapsed(), share));
    }

    private static bool TryNumber(string text, out double value)
    {
        value = text.ToLowerInvariant() switch
        {
            "nan" or "+nan" or "-nan" => double.NaN,
            "inf" or "+inf" or "infinity" or "+infinity" => double.PositiveInfinity,
            "-inf" or "-infinity" => double.NegativeInfinity,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                ? number
                : double.MinValue,
        };
        return value != double.MinValue;
    }

    [GeneratedRegex(@"([:\[,]\s*)(NaN|-?Infinity)(\s*[,}\]])", RegexOptions.CultureInvariant)]
    private static partial Regex NotJson();

    [GeneratedRegex(@"^\s*([A-Za-z_][A-Za-z0-9_.\-/]*):\s+([-+0-9.eE]+|[-+]?(?:nan|inf|infinity))\s*$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Summary();

    [GeneratedRegex(@"^\s*step\s+(\d{1,18})(?:\s*\(([\d.]+)%\))?.*?\bloss:?\s+([-+0-9.eE]+|[-+]?(?:nan|inf))\b",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Progress();
}
