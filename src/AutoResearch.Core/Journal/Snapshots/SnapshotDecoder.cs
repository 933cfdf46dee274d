using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace AutoResearch;

/// <summary>
/// Reads what <see cref="SnapshotEncoder"/> wrote. Its callers check the bytes' hash before, so they are not checked here.
/// </summary>
internal ref struct SnapshotDecoder
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly string[] _texts;
    private readonly Candidate[] _candidates;
    private int _at;

    private SnapshotDecoder(ReadOnlySpan<byte> payload)
    {
        _bytes = payload;
        _texts = new string[Count()];
        for (var i = 0; i < _texts.Length; i++) _texts[i] = Encoding.UTF8.GetString(Block());
        _candidates = new Candidate[Count()];
        for (var i = 0; i < _candidates.Length; i++)
        {
            _candidates[i] = new Candidate { Parameters = Parameters() };
            _ = _candidates[i].Id; // the fold needs it, and segments are decoded in parallel
        }
    }

    /// <summary>The events of a payload.</summary>
    public static ResearchEvent[] Decode(ReadOnlySpan<byte> payload)
    {
        var decoder = new SnapshotDecoder(payload);
        var events = new ResearchEvent[decoder.Count()];
        for (var i = 0; i < events.Length; i++) events[i] = decoder.Event();
        return events;
    }

    private ResearchEvent Event()
    {
        var tag = (SnapshotTag)Byte();
        var time = new DateTimeOffset(Integer(), TimeSpan.FromMinutes(Integer()));
        return tag switch
        {
            SnapshotTag.Proposed => Proposed(time),
            SnapshotTag.Started => new ExperimentStarted(Experiment()) { Time = time },
            SnapshotTag.Finished => new ExperimentFinished(Text()!, Result()) { Time = time },
            SnapshotTag.Judged => new TrialJudged((int)Integer(), Verdict()) { Time = time },
            _ => JsonSerializer.Deserialize(Block(), JournalJson.Default.ResearchEvent)! with { Time = time },
        };
    }

    private HypothesisProposed Proposed(DateTimeOffset time)
    {
        var (trial, candidate) = ((int)Integer(), Candidate());
        return new(trial, new Hypothesis
        {
            ParentId = Text()!,
            Change = new ParameterChange(Parameters()) { Remove = Texts() },
            Title = Text()!,
            Rationale = Text()!,
            ExpectedGain = Byte() == 0 ? null : Number(),
            Proposer = Text()!,
            Cost = new Cost(Decimal(), Integer(), Integer(), Time()),
            AllowRepeat = Byte() != 0,
        }, candidate) { Time = time };
    }

    private Experiment Experiment() => new()
    {
        Id = Text()!,
        Candidate = Candidate()!,
        Seed = Integer(),
        Budget = new Budget
        {
            Training = Byte() == 0 ? null : Time(),
            Wall = Byte() == 0 ? null : Time(),
            Steps = Byte() == 0 ? null : Integer(),
            Tokens = Byte() == 0 ? null : Integer(),
            Flops = Byte() == 0 ? null : Number(),
            MemoryBytes = Byte() == 0 ? null : Integer(),
            Money = Byte() == 0 ? null : Decimal(),
        },
        Purpose = (RunPurpose)Byte(),
        Fidelity = Number(),
        Trial = (int)Integer(),
        Attempt = (int)Integer(),
    };

    private RunResult Result() => new()
    {
        Outcome = (RunOutcome)Byte(),
        Metrics = Numbers(),
        Message = Text(),
        Curve = Curve(),
        Usage = new ResourceUsage
        {
            WallTime = Time(),
            TrainingTime = Byte() == 0 ? null : Time(),
            CpuTime = Byte() == 0 ? null : Time(),
            PeakMemoryBytes = Byte() == 0 ? null : Integer(),
            Steps = Byte() == 0 ? null : Integer(),
            Tokens = Byte() == 0 ? null : Integer(),
            Money = Byte() == 0 ? null : Decimal(),
        },
        Device = TextMap(),
        Hashes = TextMap(),
        LogTail = Text(),
        Artifacts = Texts(),
    };

    private Verdict Verdict()
    {
        var kind = Byte();
        var (reason, statistics) = (Text()!, Numbers());
        return kind switch
        {
            0 => new Accept { Reason = reason, Statistics = statistics },
            1 => new Reject { Reason = reason, Statistics = statistics },
            2 => new NeedMore((Arm)Byte(), (int)Integer()) { Reason = reason, Statistics = statistics },
            _ => new Indecisive { Reason = reason, Statistics = statistics },
        };
    }

    private Measurement[]? Curve()
    {
        var count = Count() - 1;
        if (count < 0) return null;
        var curve = new Measurement[count];
        for (var i = 0; i < count; i++) curve[i] = new(Text()!, Number(), Integer(), Time(), Byte() == 0 ? null : Number());
        return curve;
    }

    private Dictionary<string, double> Numbers()
    {
        var count = Count() - 1;
        var map = new Dictionary<string, double>(Math.Max(0, count));
        for (var i = 0; i < count; i++) map.Add(Text()!, Number());
        return map;
    }

    private Dictionary<string, string>? TextMap()
    {
        var count = Count() - 1;
        if (count < 0) return null;
        var map = new Dictionary<string, string>(count);
        for (var i = 0; i < count; i++) map.Add(Text()!, Text()!);
        return map;
    }

    private string[]? Texts()
    {
        var count = Count() - 1;
        if (count < 0) return null;
        var texts = new string[count];
        for (var i = 0; i < count; i++) texts[i] = Text()!;
        return texts;
    }

    private ParameterSet Parameters()
    {
        var values = new KeyValuePair<string, ParameterValue>[Count()];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = new(Text()!, (ParameterKind)Byte() switch
            {
                ParameterKind.Float => ParameterValue.Of(Number()),
                ParameterKind.Integer => ParameterValue.Of(Integer()),
                ParameterKind.Boolean => ParameterValue.Of(Byte() != 0),
                _ => ParameterValue.Of(Text()!),
            });
        }
        return values.Length == 0 ? ParameterSet.Empty : new(values);
    }

    private string? Text() => Count() is var number and > 0 ? _texts[number - 1] : null;

    private Candidate? Candidate() => Count() is var number and > 0 ? _candidates[number - 1] : null;

    private TimeSpan Time() => new(Integer());

    private byte Byte() => _bytes[_at++];

    private double Number() => BinaryPrimitives.ReadDoubleLittleEndian(Take(8));

    private decimal Decimal()
    {
        var bytes = Take(16);
        Span<int> parts = stackalloc int[4];
        for (var i = 0; i < 4; i++) parts[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes[(4 * i)..]);
        return new decimal(parts);
    }

    private int Count() => checked((int)Unsigned());

    private long Integer()
    {
        var value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    private ulong Unsigned()
    {
        var (value, shift) = (0UL, 0);
        while (true)
        {
            var next = _bytes[_at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
            shift += 7;
        }
    }

    private ReadOnlySpan<byte> Block() => Take(Count());

    private ReadOnlySpan<byte> Take(int count)
    {
        _at += count;
        return _bytes.Slice(_at - count, count);
    }
}
