using System.Globalization;
using System.Text;

namespace AutoResearch;

/// <summary>Writes a history as one HTML file without scripts or anything from elsewhere.</summary>
internal static class HtmlReport
{
    private const string Style = """
        :root{color-scheme:light dark;
        --bg:#fff;--ink:#1f2328;--soft:#656d76;--line:#d8dee4;--card:#f6f8fa;--kept:#1a7f37;--bad:#cf222e}
        @media(prefers-color-scheme:dark){
        :root{--bg:#0d1117;--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--card:#161b22;--kept:#3fb950;--bad:#f85149}}
        body{background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif;
        max-width:1080px;margin:2rem auto;padding:0 1.2rem}
        h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}.sub{color:var(--soft);margin:.2rem 0 1rem}
        .headline{background:var(--card);border-left:4px solid var(--soft);padding:.8rem 1rem;font-size:1.1rem;border-radius:4px}
        .headline.yes{border-color:var(--kept)}svg{width:100%;height:auto;display:block}
        table{border-collapse:collapse;width:100%;font-size:13.5px}
        th,td{text-align:left;vertical-align:top;padding:.38rem .55rem;border-bottom:1px solid var(--line)}
        th{color:var(--soft);font-weight:600}td.num,th.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
        tr.kept td.v{color:var(--kept);font-weight:600}tr.failed td.v{color:var(--bad)}tr.changed td{font-weight:600}
        details summary{cursor:pointer}details p,pre{margin:.3rem 0;color:var(--soft);white-space:pre-wrap;overflow-wrap:anywhere}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:0}
        dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
        @media print{body{margin:0;max-width:none}tr{break-inside:avoid}}
        """;

    public static string Write(ResearchHistory history)
    {
        var html = new StringBuilder();
        var name = history.IsEmpty ? "Empty history" : history.Problem.Name;
        html.Append(CultureInfo.InvariantCulture,
            $"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            + $"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{E(name)}</title>\n"
            + $"<style>{Style}</style></head>\n<body>\n<h1>{E(name)}</h1>\n");
        if (!history.IsEmpty)
            html.Append(CultureInfo.InvariantCulture,
                $"<p class=\"sub\">{(history.Problem.Objective.Direction == Direction.Minimize ? "Minimize" : "Maximize")} "
                + $"{E(history.Problem.Objective.Metric)}</p>\n");
        html.Append(CultureInfo.InvariantCulture,
            $"<p class=\"headline{(history.Gain?.IsConfirmed == true ? " yes" : "")}\">{E(ReportText.Headline(history))}</p>\n");
        html.Append(new ProgressChart(history).ToSvg()).Append('\n');
        if (!history.IsEmpty)
        {
            Trials(html, history);
            Claims(html, history);
            Differences(html, history);
            Facts(html, history);
        }
        return html.Append("</body></html>\n").ToString();
    }

    private static void Trials(StringBuilder html, ResearchHistory history)
    {
        var objective = history.Problem.Objective;
        html.Append(CultureInfo.InvariantCulture,
            $"<h2>Hypotheses</h2>\n"
            + $"<table><thead><tr><th class=\"num\">#</th><th>Idea</th><th class=\"num\">{E(objective.Metric)}</th>"
            + $"<th>Verdict</th><th>Reason</th><th class=\"num\">Time</th><th class=\"num\">Cost</th></tr></thead><tbody>\n");
        var baseline = string.Join("<br>", history.BaselineRuns.Select(r => ReportText.Number(r.Result.Score(objective))));
        html.Append(CultureInfo.InvariantCulture,
            $"<tr><td class=\"num\">0</td><td>baseline</td><td class=\"num\">{baseline}</td><td></td>"
            + $"<td>{history.BaselineRuns.Count} runs</td><td class=\"num\"></td><td class=\"num\"></td></tr>\n");
        foreach (var trial in history.Trials)
        {
            var (verdict, reason) = ReportText.Verdict(trial);
            var scores = E(ReportText.Scores(trial, objective)).Replace(", ", "<br>", StringComparison.Ordinal);
            html.Append(CultureInfo.InvariantCulture,
                $"<tr class=\"{verdict}\"><td class=\"num\">{trial.Number}</td><td>{Idea(trial)}</td>"
                + $"<td class=\"num\">{scores}</td><td class=\"v\">{verdict}</td><td>{E(reason)}</td>"
                + $"<td class=\"num\">{ReportText.Duration(ReportText.Time(trial))}</td>"
                + $"<td class=\"num\">{ReportText.Money(trial):0.####}</td></tr>\n");
        }
        html.Append("</tbody></table>\n");
    }

    private static void Claims(StringBuilder html, ResearchHistory history)
    {
        if (history.Claims is not { } claims) return;
        html.Append(CultureInfo.InvariantCulture,
            $"<h2>What the kept changes contribute</h2>\n<p>{E(ReportText.ClaimsNote(claims))}</p>\n"
            + $"<table><thead><tr><th class=\"num\">#</th><th>Kept change</th><th>Claim</th><th class=\"num\">Gain</th>"
            + $"<th class=\"num\">Evidence</th></tr></thead><tbody>\n");
        foreach (var (trial, idea, status, gain, evidence) in ReportText.Claims(history))
            html.Append(CultureInfo.InvariantCulture,
                $"<tr{(status == "confirmed" ? " class=\"kept\"" : "")}><td class=\"num\">{trial}</td><td>{E(idea)}</td>"
                + $"<td class=\"v\">{E(status)}</td><td class=\"num\">{gain}</td><td class=\"num\">{E(evidence)}</td></tr>\n");
        html.Append("</tbody></table>\n");
    }

    private static string Idea(Trial trial)
    {
        var log = trial.Runs.Select(r => r.Result.LogTail).FirstOrDefault(l => !string.IsNullOrWhiteSpace(l));
        var more = new StringBuilder();
        if (trial.Hypothesis.Rationale.Length > 0)
            more.Append(CultureInfo.InvariantCulture, $"<p>{E(trial.Hypothesis.Rationale)}</p>");
        if (trial.Hypothesis.Proposer.Length > 0)
            more.Append(CultureInfo.InvariantCulture, $"<p>Proposed by {E(trial.Hypothesis.Proposer)}</p>");
        if (log is not null) more.Append(CultureInfo.InvariantCulture, $"<pre>{E(log)}</pre>");
        return more.Length == 0
            ? E(trial.Hypothesis.Title)
            : $"<details><summary>{E(trial.Hypothesis.Title)}</summary>{more}</details>";
    }

    private static void Differences(StringBuilder html, ResearchHistory history)
    {
        var rows = ReportText.Differences(history);
        if (rows.Count == 0) return;
        html.Append("<h2>Baseline and final</h2>\n"
            + "<table><thead><tr><th>Parameter</th><th>Baseline</th><th>Final</th></tr></thead><tbody>\n");
        foreach (var (name, before, after) in rows)
            html.Append(CultureInfo.InvariantCulture,
                $"<tr{(before == after ? "" : " class=\"changed\"")}><td>{E(name)}</td><td>{E(before)}</td>"
                + $"<td>{E(after)}</td></tr>\n");
        html.Append("</tbody></table>\n");
    }

    private static void Facts(StringBuilder html, ResearchHistory history)
    {
        html.Append("<h2>How it was measured</h2>\n<dl>");
        foreach (var (name, value) in ReportText.Facts(history))
            html.Append(CultureInfo.InvariantCulture, $"<dt>{E(name)}</dt><dd>{E(value)}</dd>\n");
        html.Append("<dt>To reproduce</dt>"
            + "<dd>journal.jsonl beside this file holds every candidate, seed, budget and decision.</dd></dl>\n");
    }

    private static string E(string text) => ReportText.Escape(text);
}
