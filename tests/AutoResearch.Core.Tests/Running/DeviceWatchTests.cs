using AutoResearch.Testing;

namespace AutoResearch.Tests;

public sealed class DeviceWatchTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("machine").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Write(string path, string text)
    {
        var full = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }

    // 4 processors, 100 ticks a second: 10 s are 4,000 ticks.
    private void Times(int busy, int stolen, int all) =>
        Write("proc/stat", $"cpu  {busy} 0 0 {all - busy - stolen} 0 0 0 {stolen} 0 0\ncpu0 1 2 3\n");

    [Fact]
    public void Read_LinuxFiles_TellsTheMachine()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc and /sys");
        Write("proc/cpuinfo", "processor : 0\nmodel name\t: Fast CPU 9000\n");
        Write("proc/loadavg", "1.25 1 1 1/100 1\n");
        Write("proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.10  Fri\n");
        foreach (var i in (int[])[0, 1])
        {
            Write($"proc/driver/nvidia/gpus/0000:0{i}/information", "Model: \t\t NVIDIA H200\nIRQ: 5\n");
            Write($"sys/devices/system/cpu/cpu{i}/cpufreq/scaling_cur_freq", $"{2000000 + (i * 1000000)}\n");
            Write($"sys/devices/system/cpu/cpu{i}/cpufreq/cpuinfo_max_freq", "4000000\n");
            Write($"sys/devices/system/cpu/cpu{i}/thermal_throttle/core_throttle_count", "3\n");
        }
        Write("sys/devices/system/cpu/cpufreq/scaling_cur_freq", "1\n"); // not of a processor
        var device = DeviceFingerprint.Read(_root);
        Assert.Equal(("Fast CPU 9000", "1.25", "2500", "4000", "6", "2 × NVIDIA H200", "570.86.10"), (device["cpu"],
            device["load"], device["clock"], device["clock_max"], device["throttled"], device["gpu"], device["driver"]));
    }

    [Fact]
    public void Read_NothingThere_LeavesOutWhatCannotBeRead()
    {
        var device = DeviceFingerprint.Read(_root);
        Assert.Equal(["cores", "cpu", "os", "runtime"], device.Keys.Order());
        Assert.True(int.Parse(DeviceFingerprint.Read()["cores"], System.Globalization.CultureInfo.InvariantCulture) > 0);
    }

    [Fact]
    public void Disturbance_OnlyTimeOfOthersCounts()
    {
        var own = TimeSpan.FromSeconds(100);
        Times(10_000, 0, 100_000);
        var watch = DeviceWatch.Start(_root, () => own, 4);
        own += TimeSpan.FromSeconds(10); // one processor for 10 s
        Times(13_000, 0, 104_000); // three were busy
        var ten = TimeSpan.FromSeconds(10);
        Assert.Equal(2, watch.Foreign(TimeSpan.Zero, ten)!.Value, 6);
        Assert.Equal("other programs used 2.0 of 4 processors", watch.Disturbance(new(), TimeSpan.Zero, ten));
        Assert.Null(watch.Disturbance(new(), TimeSpan.FromSeconds(18), ten)); // it was the run's own program
        Assert.Null(watch.Disturbance(new() { ForeignLoad = 0.6 }, TimeSpan.Zero, ten));
        Assert.Null(watch.Disturbance(new() { LeastTime = TimeSpan.FromSeconds(11) }, TimeSpan.Zero, ten));
    }

    [Fact]
    public void Disturbance_TimeTakenByTheHostOrHeat_IsSeen()
    {
        Times(0, 0, 100_000);
        var stolen = DeviceWatch.Start(_root, () => TimeSpan.Zero, 4);
        Times(0, 2000, 104_000);
        Assert.Contains("2.0 of 4", stolen.Disturbance(new(), TimeSpan.Zero, TimeSpan.FromSeconds(10)), StringComparison.Ordinal);

        const string Count = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count";
        Write(Count, "7");
        var hot = DeviceWatch.Start(_root, () => TimeSpan.Zero, 4);
        Times(0, 2000, 108_000);
        Assert.Null(hot.Disturbance(new(), TimeSpan.Zero, TimeSpan.FromSeconds(10)));
        Write(Count, "9");
        Assert.Contains("heat 2 times", hot.Disturbance(new(), TimeSpan.Zero, TimeSpan.FromSeconds(10)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Disturbance_NoProc_SeesNothing() =>
        Assert.Null(DeviceWatch.Start(_root, () => TimeSpan.Zero, 4).Disturbance(new(), TimeSpan.Zero, TimeSpan.FromHours(1)));

    [Fact]
    public async Task Loop_RepeatAtHalfTheUsualSpeed_IsMadeAgain()
    {
        // The fourth run of the baseline is slow, and so is every run of the new candidate, which may be.
        var attempts = new List<string>();
        var runner = new ScriptedRunner(e =>
        {
            attempts.Add($"{e.Id}/{e.Attempt}");
            var slow = e.Trial > 0 || e is { Id: "e0004", Attempt: 1 };
            return Loops.Completed(e.Trial > 0 ? 5 : 10) with
            {
                Usage = new() { WallTime = TimeSpan.FromSeconds(slow ? 20 : 10), Steps = 100 },
            };
        });
        await using var loop = Loops.Build(ScriptedProposer.Counting("x"), runner)
            .Configure(o => (o.BaselineRuns, o.MaxTrials, o.Contention) = (4, 1, new() { ForeignLoad = 1 })).Build();
        await loop.RunAsync(cancellationToken: Stop).ToListAsync();
        Assert.Equal(["e0001/1", "e0002/1", "e0003/1", "e0004/1", "e0004/2", "e0005/1"], attempts);
        Assert.Contains("50 % of the speed of 3 earlier runs",
            Assert.Single(loop.History.Setbacks).Result.Message!.Replace('\u00a0', ' ')
                .Replace("50%", "50 %", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.IsType<Accept>(loop.History.Trials[0].Verdict);
    }

    [Fact]
    public void Build_ContentionOptionsWithoutSense_AreRefused()
    {
        foreach (var options in (ContentionOptions[])[new() { ForeignLoad = 0 }, new() { LeastSpeed = 1 },
            new() { Throttlings = -1 }, new() { LeastTime = TimeSpan.FromSeconds(-1) }])
        {
            var builder = Loops.Build(ScriptedProposer.Counting("x"), Loops.Score(x => x)).Configure(o => o.Contention = options);
            Assert.Contains("ContentionOptions.", Assert.Throws<ArgumentException>(builder.Build).Message,
                StringComparison.Ordinal);
        }
    }
}
