using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>
/// The progress of a loop as an SVG picture: every trial a dot, kept ones green and labelled, the running best as a step
/// line, failures at the edge, the noise of the baseline as a band. Self-contained, in light and dark.
/// </summary>
public sealed class ProgressChart
{
    private const double Width = 1000;
    private const double Height = 460;
    private const double Left = 78;
    private const double Right = 22;
    private const double Top = 44;
    private const double Bottom = 54;

    private const string Style = """
        .ar-chart{--ink:#1f2328;--soft:#656d76;--grid:#d8dee4;--dot:#8c959f;--kept:#1a7f37;--bad:#cf222e;--band:#0969da;
        font:12px system-ui,sans-serif}
        @media(prefers-color-scheme:dark){
        .ar-chart{--ink:#e6edf3;--soft:#9198a1;--grid:#30363d;--dot:#6e7681;--kept:#3fb950;--bad:#f85149;--band:#58a6ff}}
        .ar-chart text{fill:var(--soft)}.ar-chart .h{fill:var(--ink);font-weight:600;font-size:14px}
        .ar-chart .g{stroke:var(--grid)}
        .ar-chart .d{fill:var(--dot);opacity:.65}.ar-chart .k{fill:var(--kept)}.ar-chart .x{stroke:var(--bad);stroke-width:1.6}
        .ar-chart .c{fill:none;stroke:var(--dot);stroke-width:1.4}.ar-chart .b{fill:none;stroke:var(--kept);stroke-width:2}
        .ar-chart .n{fill:var(--band);opacity:.13}.ar-chart .l{fill:var(--kept);font-size:11px}
        """;

    private readonly IReadOnlyList<ProgressPoint> _points;
    private readonly Objective? _objective;
    private readonly (double Low, double High)? _noise;
    private readonly double _low;
    private readonly double _high;

    /// <summary>The chart of a history.</summary>
    public ProgressChart(ResearchHistory history)
    {
        ArgumentNullException.ThrowIfNull(history);
        _objective = history.IsEmpty ? null : history.Problem.Objective;
        _points = ProgressPoint.Of(history);
        if (_objective is null) return;
        var baseline = history.BaselineRuns.Select(r => r.Result.Score(_objective)).OfType<double>().ToArray();
        if (baseline.Length > 1)
        {
            var mean = baseline.Average();
            var deviation = Math.Sqrt(baseline.Sum(s => (s - mean) * (s - mean)) / (baseline.Length - 1));
            _noise = (mean - 2 * deviation, mean + 2 * deviation);
        }
        (_low, _high) = Range();
    }

    /// <summary>The picture as a complete SVG document.</summary>
    public string ToSvg()
    {
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ar-chart\" viewBox=\"0 0 {Width} {Height}\" role=\"img\">");
        svg.Append("<style>").Append(Style).Append("</style>");
        var kept = _points.Count(p => p is { IsKept: true, Trial: > 0 });
        var trials = _points.Count(p => p.Trial > 0);
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"h\" x=\"{Left}\" y=\"22\">{trials} trials, {kept} kept</text>");
        if (_objective is null || _points.All(p => p.Score is null))
        {
            svg.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{Width / 2}\" y=\"{Height / 2}\" text-anchor=\"middle\">No run has a score yet.</text>");
            if (_objective is null) return svg.Append("</svg>").ToString();
        }
        Axes(svg);
        Dots(svg);
        BestLine(svg);
        Labels(svg);
        return svg.Append("</svg>").ToString();
    }

    private (double Low, double High) Range()
    {
        var losses = _points.Where(p => p.Score is not null).Select(p => _objective!.ToLoss(p.Score!.Value)).ToArray();
        if (losses.Length == 0) return (0, 1);
        var best = losses.Min();
        var start = _objective!.ToLoss(_points.First(p => p.Score is not null).Score!.Value);
        var noise = _noise is { } n ? n.High - n.Low : 0;
        var span = Math.Max(Math.Max(start - best, 1.5 * noise), 1e-9 + Math.Abs(start) * 1e-4);
        // What is far worse than the start is shown at the edge, or the part that matters would be a flat line. Most runs have to
        // fit, though, as long as that leaves the part that matters a fifth of the height.
        var most = losses.Order().ElementAt((int)(0.85 * (losses.Length - 1)));
        var worst = Math.Min(losses.Max(), Math.Max(start + 0.8 * span, Math.Min(most, start + 4 * span)));
        worst = Math.Max(worst, start + noise / 2);
        var margin = 0.1 * (worst - best) + 1e-12;
        var (low, high) = (best - 2 * margin, worst + margin);
        return _objective.Direction == Direction.Minimize ? (low, high) : (-high, -low);
    }

    private double X(int trial) =>
        Left + 12 + (Width - Left - Right - 24) * trial / Math.Max(1, _points.Count == 0 ? 1 : _points[^1].Trial);

    // Runs without a score have a strip of their own at the worse edge, apart from those that are off the scale.
    private double Strip => _points.Any(p => p.Score is null) ? 20 : 0;

    private bool WorseIsUp => _objective!.Direction == Direction.Minimize;

    private double PlotTop => Top + (WorseIsUp ? Strip : 0);

    private double PlotBottom => Height - Bottom - (WorseIsUp ? 0 : Strip);

    private double Y(double score) => PlotTop + (PlotBottom - PlotTop) * (_high - score) / (_high - _low);

    private void Axes(StringBuilder svg)
    {
        if (_noise is { } band)
        {
            var top = Math.Max(PlotTop, Y(band.High));
            var height = Math.Min(PlotBottom, Y(band.Low)) - top;
            if (height > 0)
                svg.Append(CultureInfo.InvariantCulture,
                    $"<rect class=\"n\" x=\"{Left}\" y=\"{top:F1}\" width=\"{Width - Left - Right}\" height=\"{height:F1}\">"
                    + $"<title>Baseline ± 2 standard deviations of its repeated runs</title></rect>");
        }
        var ticks = AxisTicks.Between(_low, _high, 6);
        foreach (var tick in ticks)
            svg.Append(CultureInfo.InvariantCulture,
                $"<line class=\"g\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(tick):F1}\" y2=\"{Y(tick):F1}\"/>"
                + $"<text x=\"{Left - 8}\" y=\"{Y(tick) + 4:F1}\" text-anchor=\"end\">{AxisTicks.Format(tick, ticks)}</text>");
        var last = _points.Count == 0 ? 0 : _points[^1].Trial;
        var steps = AxisTicks.Between(0, Math.Max(1, last), Math.Min(10, Math.Max(1, last)));
        foreach (var step in steps)
            svg.Append(CultureInfo.InvariantCulture,
                $"<text x=\"{X((int)step):F1}\" y=\"{Height - Bottom + 20}\" text-anchor=\"middle\">{(int)step}</text>");
        var unit = _objective!.Unit is { } u ? $" ({u})" : "";
        var better = _objective.Direction == Direction.Minimize ? "lower is better" : "higher is better";
        svg.Append(CultureInfo.InvariantCulture,
            $"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 10}\" text-anchor=\"middle\">trial (0 is the "
            + $"baseline)</text>");
        svg.Append(CultureInfo.InvariantCulture,
            $"<text transform=\"translate(16 {Height / 2}) rotate(-90)\" "
            + $"text-anchor=\"middle\">{Escape(_objective.Metric + unit)}, {better}</text>");
    }

    private void Dots(StringBuilder svg)
    {
        var clipped = 0;
        var failed = 0;
        foreach (var p in _points.OrderBy(p => p.IsKept))
        {
            var x = X(p.Trial);
            var result = p.Score?.ToString("G6", CultureInfo.InvariantCulture) ?? "no score";
            var title = $"<title>{Escape(p.Title)}: {result}</title>";
            if (p.Score is not { } score)
            {
                failed++;
                var y = WorseIsUp ? Top + 8 : Height - Bottom - 8;
                svg.Append(CultureInfo.InvariantCulture,
                    $"<path class=\"x\" d=\"M{x - 4:F1} {y - 4:F1}l8 8m0 -8l-8 8\">{title}</path>");
            }
            else if (score > _high || score < _low)
            {
                clipped++;
                var y = score > _high ? PlotTop + 8 : PlotBottom - 8;
                svg.Append(CultureInfo.InvariantCulture,
                    $"<path class=\"c\" d=\"M{x - 4:F1} {y:F1}l4 {(score > _high ? -6 : 6)}l4 "
                    + $"{(score > _high ? 6 : -6)}z\">{title}</path>");
            }
            else svg.Append(CultureInfo.InvariantCulture,
                $"<circle class=\"{(p.IsKept ? "k" : "d")}\" cx=\"{x:F1}\" cy=\"{Y(score):F1}\" "
                + $"r=\"{(p.IsKept ? 5 : 3.2)}\">{title}</circle>");
        }
        var notes = new List<string>();
        if (_noise is not null) notes.Add("band: noise of the baseline");
        if (failed > 0) notes.Add($"{failed} without a score (×)");
        if (clipped > 0) notes.Add($"{clipped} off the scale (△)");
        svg.Append(CultureInfo.InvariantCulture,
            $"<text x=\"{Width - Right}\" y=\"22\" text-anchor=\"end\">{string.Join(" · ", notes)}</text>");
    }

    private void BestLine(StringBuilder svg)
    {
        var kept = _points.Where(p => p is { IsKept: true, Score: not null }).ToArray();
        if (kept.Length == 0) return;
        svg.Append(CultureInfo.InvariantCulture, $"<path class=\"b\" d=\"M{X(kept[0].Trial):F1} {Y(kept[0].Score!.Value):F1}");
        foreach (var p in kept.Skip(1)) svg.Append(CultureInfo.InvariantCulture, $"H{X(p.Trial):F1}V{Y(p.Score!.Value):F1}");
        svg.Append(CultureInfo.InvariantCulture, $"H{X(_points[^1].Trial):F1}\"/>");
    }

    private void Labels(StringBuilder svg)
    {
        var taken = Obstacles();
        var outward = WorseIsUp ? 1 : -1;
        foreach (var p in _points.Where(p => p is { IsKept: true, Score: not null, Trial: > 0 }))
        {
            var text = p.Title.Length <= 34 ? p.Title : p.Title[..(char.IsHighSurrogate(p.Title[32]) ? 32 : 33)] + "…";
            var width = text.Sum(c => c < '\u2E80' ? 6.3 : 11.5); // wide scripts take about the height of the font
            // Below the line there is room: nothing is better than the best. A label without any room is left to the tooltip.
            foreach (var (left, step) in Enumerable.Range(1, 7)
                .SelectMany(step => new[] { (X(p.Trial) + 6, step), (X(p.Trial) - 6 - width, step) }))
            {
                var y = Y(p.Score!.Value) + 4 + outward * (4 + 13 * step);
                var box = new Box(left - 2, y - 10, left + width + 2, y + 3);
                if (left < Left + 4 || left + width > Width - Right || y < Top + 8 || y > Height - Bottom - 4
                    || taken.Any(t => t.Meets(box)))
                    continue;
                taken.Add(box);
                svg.Append(CultureInfo.InvariantCulture, $"<text class=\"l\" x=\"{left:F1}\" y=\"{y:F1}\">{Escape(text)}</text>");
                break;
            }
        }
    }

    // What a label must not cover: the dots and the line of the best.
    private List<Box> Obstacles()
    {
        var taken = _points.Where(p => p.Score is { } s && s >= _low && s <= _high)
            .Select(p => new Box(X(p.Trial) - 5, Y(p.Score!.Value) - 5, X(p.Trial) + 5, Y(p.Score!.Value) + 5)).ToList();
        var kept = _points.Where(p => p is { IsKept: true, Score: not null }).ToArray();
        for (var i = 0; i < kept.Length; i++)
        {
            var (x, y) = (X(kept[i].Trial), Y(kept[i].Score!.Value));
            var next = i + 1 < kept.Length ? kept[i + 1] : (ProgressPoint?)null;
            var end = X(next?.Trial ?? _points[^1].Trial);
            taken.Add(new(x, y - 2, end, y + 2));
            if (next is not { } n) continue;
            var to = Y(n.Score!.Value);
            taken.Add(new(end - 2, Math.Min(y, to), end + 2, Math.Max(y, to)));
        }
        return taken;
    }

    private static string Escape(string text) => ReportText.Escape(text);

    private readonly record struct Box(double X0, double Y0, double X1, double Y1)
    {
        public bool Meets(Box other) => X0 < other.X1 && other.X0 < X1 && Y0 < other.Y1 && other.Y0 < Y1;
    }
}
