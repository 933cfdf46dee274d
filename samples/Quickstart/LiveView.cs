using System.Globalization;
using Spectre.Console;

namespace AutoResearch.Samples.Quickstart;

/// <summary>A table that grows with the trials, and a bar for the run that is going on.</summary>
internal sealed class LiveView : IView
{
    private const int BarWidth = 30;
    private readonly TaskCompletionSource _end = new();
    private readonly Task _live;
    private LiveDisplayContext? _context;
    private Experiment? _running;
    private double _progress;
    private double? _loss;
    private double? _speed;

    public LiveView()
    {
        var ready = new ManualResetEventSlim();
        _live = Task.Run(() => AnsiConsole.Live(new Text("starting …")).StartAsync(async context =>
        {
            _context = context;
            ready.Set();
            await _end.Task;
        }));
        ready.Wait();
    }

    public void Show(ResearchEvent e, ResearchHistory history)
    {
        switch (e)
        {
            case ExperimentStarted started: (_running, _progress, _loss, _speed) = (started.Experiment, 0, null, null); break;
            case ExperimentFinished: _running = null; break;
            case MeasurementReported { Measurement: var m }:
                _progress = m.Progress ?? _progress;
                if (m.Metric == "train_loss") _loss = m.Value;
                if (m.Metric == "tokens_per_second") _speed = m.Value;
                break;
        }
        _context?.UpdateTarget(Draw(history));
    }

    public void Dispose()
    {
        _end.TrySetResult();
        _live.Wait();
    }

    private Rows Draw(ResearchHistory history)
    {
        var objective = history.Problem.Objective;
        var table = new Table().Border(TableBorder.Rounded).Expand();
        table.AddColumn(new TableColumn("#").RightAligned());
        table.AddColumn("Idea");
        table.AddColumn(new TableColumn($"{objective.Metric}").NoWrap());
        table.AddColumn(new TableColumn("Verdict").NoWrap());
        table.AddRow("0", "baseline", Words.Scores(history.BaselineRuns, objective), "");
        foreach (var trial in history.Trials)
            table.AddRow(
                new Text(trial.Number.ToString(CultureInfo.InvariantCulture)), new Text(trial.Hypothesis.Title),
                new Text(Words.Scores(trial.Runs, objective)), Verdict(trial));
        if (history.FinalRuns.Count > 0)
        {
            table.AddRow("", "baseline again, fresh seeds", Final(history, history.Problem.Baseline), "");
            table.AddRow("", "final again, fresh seeds", Final(history, history.State.Incumbent.Candidate), "");
        }
        return new Rows(table, new Markup(Status(history)));
    }

    private static string Final(ResearchHistory history, Candidate candidate) =>
        Words.Scores(history.FinalRuns.Where(r => r.Experiment.Candidate.Equals(candidate)), history.Problem.Objective);

    private static Markup Verdict(Trial trial) => trial.Verdict switch
    {
        null => new Markup("[yellow]running[/]"),
        Accept => new Markup("[green]keep[/]"),
        var verdict => new Markup($"[grey]{Words.Of(verdict)}[/]"),
    };

    private string Status(ResearchHistory history)
    {
        if (_running is null) return $"[grey]{history.ExperimentsFinished} runs done[/]";
        var filled = (int)(Math.Clamp(_progress, 0, 1) * BarWidth);
        var bar = $"[green]{new string('━', filled)}[/][grey]{new string('━', BarWidth - filled)}[/]";
        var loss = _loss is { } l ? string.Create(CultureInfo.InvariantCulture, $"  loss {l:F3}") : "";
        var speed = _speed is { } s ? string.Create(CultureInfo.InvariantCulture, $"  {s:N0} tokens/s") : "";
        return $"{_running.Id} {Words.Of(_running.Purpose),-8} {bar} {_progress,4:P0}{loss}{speed}";
    }
}
