using System.Globalization;
using System.Text;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>
/// The results of <c>cpu-peers</c> as the Markdown table of docs/performance.md: a row for each case, a column
/// for each kind of peer.
/// </summary>
internal static class CpuTable
{
    private static readonly (string Header, string PeerPrefix, bool Percent)[] s_columns =
    [
        ("of peak", "FMA peak", true), ("× PyTorch", "PyTorch", false), ("× plain C", "plain C", false),
        ("× ours, 1 thread", "ours", false),
    ];

    public static string Of(IReadOnlyList<PeerResult> results)
    {
        var text = new StringBuilder();
        text.Append("| case | ours |").AppendJoin('|', s_columns.Select(c => $" {c.Header} ")).Append("| goal |\n|---|---|");
        foreach (var _ in s_columns) text.Append("---|");
        text.Append("---|\n");
        foreach (var test in results.Where(r => r.Ratio is not null).GroupBy(r => (r.Case, r.Unit)))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {test.Key.Case} | {test.First().Value:G4} {test.Key.Unit} |");
            foreach (var (_, prefix, percent) in s_columns)
                text.Append(' ').Append(test.FirstOrDefault(r => r.Peer.StartsWith(prefix, StringComparison.Ordinal)) is { } r
                    ? Cell(r, percent)
                    : "").Append(" |");
            text.Append(' ').AppendJoin(", ", test.Where(r => r.Goal is not null).Select(Goal)).Append(" |\n");
        }

        return text.ToString();
    }

    private static string Cell(PeerResult r, bool percent)
    {
        var spread = r is { Rounds: > 1, LowRatio: { } low, HighRatio: { } high }
            ? $" ({Number(low, percent)} … {Number(high, percent)})"
            : "";
        return Number(r.Ratio!.Value, percent) + spread;
    }

    private static string Goal(PeerResult r)
    {
        var percent = r.Peer.StartsWith("FMA peak", StringComparison.Ordinal);
        return $"≥ {Number(r.Goal!.Value, percent)}{(percent ? "" : " ×")} {(r.Ratio >= r.Goal ? "met" : "**missed**")}";
    }

    private static string Number(double value, bool percent) =>
        percent
            ? value.ToString("P0", CultureInfo.InvariantCulture)
            : value.ToString(value < 10 ? "0.##" : "0.#", CultureInfo.InvariantCulture);
}
