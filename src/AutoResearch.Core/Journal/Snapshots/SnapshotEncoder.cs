using System.Text;
using System.Text.Json;

namespace AutoResearch;

/// <summary>
/// Writes events compactly: texts and candidates once each and referred to by number, the common events field by field, and all
/// others as the JSON of their journal line. What is written is read back and compared, as JSON, with what was meant: an event
/// that this class does not know in full, e.g. since a property was added to it, is kept as JSON as well.
/// Nothing can be lost here.
/// </summary>
internal sealed class SnapshotEncoder
{
    private readonly SnapshotBytes _events = new();
    private readonly SnapshotBytes _candidates = new();
    private readonly Dictionary<string, int> _texts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private SnapshotBytes _out;

    private SnapshotEncoder() => _out = _events;

    /// <summary>The payload of these events, and how many of them had to be kept as JSON.</summary>
    public static (byte[] Payload, int AsJson) Encode(IReadOnlyList<ResearchEvent> events)
    {
        var asJson = new bool[events.Count];
        for (var round = 0; ; round++)
        {
            var payload = new SnapshotEncoder().Encode(events, asJson);
            if (!MarkDifferences(events, SnapshotDecoder.Decode(payload), asJson)) return (payload, asJson.Count(j => j));
            if (round > 0) throw new InvalidDataException("An event does not come back from its own JSON.");
        }
    }

    /// <summary>An event's JSON as its journal line holds it.</summary>
    public static byte[] Json(ResearchEvent e)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, JournalJson.Writer))
            JsonSerializer.Serialize(json, e, JournalJson.Default.ResearchEvent);
        return buffer.ToArray();
    }

    private static bool MarkDifferences(IReadOnlyList<ResearchEvent> events, ResearchEvent[] decoded, bool[] asJson)
    {
        var found = false;
        for (var i = 0; i < asJson.Length; i++)
        {
            if (events[i].Time.EqualsExact(decoded[i].Time) && Json(events[i]).AsSpan().SequenceEqual(Json(decoded[i]))) continue;
            asJson[i] = found = true;
        }
        return found;
    }

    private byte[] Encode(IReadOnlyList<ResearchEvent> events, bool[] asJson)
    {
        for (var i = 0; i < events.Count; i++)
        {
            var start = _events.Length;
            try
            {
                if (!asJson[i]) Write(events[i]);
            }
            catch (NotSupportedException)
            {
                asJson[i] = true;
            }
            if (!asJson[i]) continue;
            (_out, _events.Length) = (_events, start);
            Header(SnapshotTag.Json, events[i]);
            _out.Block(Json(events[i]));
        }
        var all = new SnapshotBytes();
        all.Count(_texts.Count);
        // No text is ever removed, so they stand in order
        foreach (var text in _texts.Keys) all.Block(Encoding.UTF8.GetBytes(text));
        all.Count(_numbers.Count);
        all.Append(_candidates.Span);
        all.Count(events.Count);
        all.Append(_events.Span);
        return all.Span.ToArray();
    }

    private void Header(SnapshotTag tag, ResearchEvent e)
    {
        _out.Byte((byte)tag);
        _out.Integer(e.Time.Ticks);
        _out.Integer((long)e.Time.Offset.TotalMinutes);
    }

    private void Write(ResearchEvent e)
    {
        switch (e)
        {
            case HypothesisProposed proposed: Header(SnapshotTag.Proposed, e); Write(proposed); break;
            case ExperimentStarted started: Header(SnapshotTag.Started, e); Write(started.Experiment); break;
            case ExperimentFinished finished:
                Header(SnapshotTag.Finished, e);
                Text(finished.ExperimentId);
                Write(finished.Result);
                break;
            case TrialJudged judged:
                Header(SnapshotTag.Judged, e);
                _out.Integer(judged.Trial);
                Write(judged.Verdict);
                break;
            default: throw new NotSupportedException();
        }
    }

    private void Write(HypothesisProposed proposed)
    {
        var h = proposed.Hypothesis;
        if (h.Change is not ParameterChange change) throw new NotSupportedException();
        _out.Integer(proposed.Trial);
        Candidate(proposed.Candidate);
        Text(h.ParentId);
        Parameters(change.Set);
        List(change.Remove, Text);
        Text(h.Title);
        Text(h.Rationale);
        Optional(h.ExpectedGain, _out.Number);
        Text(h.Proposer);
        _out.Decimal(h.Cost.Money);
        _out.Integer(h.Cost.InputTokens);
        _out.Integer(h.Cost.OutputTokens);
        _out.Integer(h.Cost.Time.Ticks);
        _out.Byte(h.AllowRepeat ? (byte)1 : (byte)0);
    }

    private void Write(Experiment e)
    {
        Text(e.Id);
        Candidate(e.Candidate);
        _out.Integer(e.Seed);
        Optional(e.Budget.Training?.Ticks, _out.Integer);
        Optional(e.Budget.Wall?.Ticks, _out.Integer);
        Optional(e.Budget.Steps, _out.Integer);
        Optional(e.Budget.Tokens, _out.Integer);
        Optional(e.Budget.Flops, _out.Number);
        Optional(e.Budget.MemoryBytes, _out.Integer);
        Optional(e.Budget.Money, _out.Decimal);
        _out.Byte((byte)e.Purpose);
        _out.Number(e.Fidelity);
        _out.Integer(e.Trial);
        _out.Integer(e.Attempt);
    }

    private void Write(RunResult r)
    {
        _out.Byte((byte)r.Outcome);
        Map(r.Metrics, _out.Number);
        Text(r.Message);
        List(r.Curve, m =>
        {
            Text(m.Metric);
            _out.Number(m.Value);
            _out.Integer(m.Step);
            _out.Integer(m.Elapsed.Ticks);
            Optional(m.Progress, _out.Number);
        });
        _out.Integer(r.Usage.WallTime.Ticks);
        Optional(r.Usage.TrainingTime?.Ticks, _out.Integer);
        Optional(r.Usage.CpuTime?.Ticks, _out.Integer);
        Optional(r.Usage.PeakMemoryBytes, _out.Integer);
        Optional(r.Usage.Steps, _out.Integer);
        Optional(r.Usage.Tokens, _out.Integer);
        Optional(r.Usage.Money, _out.Decimal);
        Map(r.Device, Text);
        Map(r.Hashes, Text);
        Text(r.LogTail);
        List(r.Artifacts, Text);
    }

    private void Write(Verdict verdict)
    {
        _out.Byte(
            verdict switch { Accept => 0, Reject => 1, NeedMore => 2, Indecisive => 3, _ => throw new NotSupportedException() });
        Text(verdict.Reason);
        Map(verdict.Statistics, _out.Number);
        if (verdict is not NeedMore more) return;
        _out.Byte((byte)more.Arm);
        _out.Integer(more.Runs);
    }

    private void Text(string? text)
    {
        if (text is null)
        {
            _out.Count(0);
            return;
        }
        if (!_texts.TryGetValue(text, out var number)) _texts.Add(text, number = _texts.Count);
        _out.Count(number + 1);
    }

    private void Candidate(Candidate? candidate)
    {
        if (candidate is null)
        {
            _out.Count(0);
            return;
        }
        if (candidate.Source is not null) throw new NotSupportedException();
        if (!_numbers.TryGetValue(candidate.Id, out var number))
        {
            _numbers.Add(candidate.Id, number = _numbers.Count);
            _out = _candidates;
            Parameters(candidate.Parameters);
            _out = _events;
        }
        _out.Count(number + 1);
    }

    private void Parameters(ParameterSet set)
    {
        _out.Count(set.Count);
        foreach (var (name, value) in set)
        {
            Text(name);
            _out.Byte((byte)value.Kind);
            switch (value.Kind)
            {
                case ParameterKind.Float: _out.Number(value.AsFloat()); break;
                case ParameterKind.Integer: _out.Integer(value.AsInteger()); break;
                case ParameterKind.Boolean: _out.Byte(value.AsBoolean() ? (byte)1 : (byte)0); break;
                default: Text(value.AsText()); break;
            }
        }
    }

    private void Optional<T>(T? value, Action<T> write) where T : struct
    {
        _out.Byte(value is null ? (byte)0 : (byte)1);
        if (value is { } present) write(present);
    }

    private void List<T>(IReadOnlyList<T>? list, Action<T> write)
    {
        _out.Count(list is null ? 0 : list.Count + 1);
        foreach (var item in list ?? []) write(item);
    }

    private void Map<T>(IReadOnlyDictionary<string, T>? map, Action<T> write)
    {
        _out.Count(map is null ? 0 : map.Count + 1);
        if (map is null) return;
        foreach (var (key, value) in map)
        {
            Text(key);
            write(value);
        }
    }
}
