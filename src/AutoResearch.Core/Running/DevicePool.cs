using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Several runners as one, each for a device that other loops on this machine want too: a run takes the first device that nobody
/// uses, in this process or another one of the same user, and waits while there is none. Two loops on one device would make each
/// other's runs slower, and in a budget of time worse. Thread-safe.
/// </summary>
/// <remarks>
/// A device is a name, and the lock on it a locked file in <see cref="Directory"/>: the operating system lets go of it when its
/// process ends, also by <c>kill -9</c>. Only loops that use a pool with the same names see each other. Who has waited for a
/// device gets it before the loop that gives it back can take it again. The device and the time waited are recorded with the
/// result (<see cref="RunResult.Device"/>, <c>device</c> and <c>waited_seconds</c>); the wait belongs neither to the run's
/// time nor to its budget.
/// </remarks>
/// <example>
/// One GPU, shared with whoever else uses the name:
/// <code>new DevicePool(("gpu0", new ProcessRunner("python train.py")))</code>
/// </example>
public sealed class DevicePool : IExperimentRunner
{
    private readonly (string Device, IExperimentRunner Runner)[] _devices;
    private readonly Lock _gate = new();
    private bool _isProven;

    /// <summary>Creates a pool.</summary>
    /// <param name="devices">
    /// Names of the devices, of letters, digits, '.', '_' and '-', and for each the runner that uses it. The pool does
    /// not dispose of them.
    /// </param>
    /// <exception cref="ArgumentException">There is none, a runner is null, or a name is not allowed or occurs twice.</exception>
    public DevicePool(params IEnumerable<(string Device, IExperimentRunner Runner)> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        _devices = [.. devices];
        if (_devices.Length == 0) throw new ArgumentException("A pool needs at least one device.", nameof(devices));
        foreach (var (device, runner) in _devices)
        {
            if (string.IsNullOrEmpty(device) || device[0] == '.'
                || !device.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
                throw new ArgumentException(
                    $"'{device}' is no name for a device: use letters, digits, '.', '_' and '-', e.g. gpu0.", nameof(devices));
            if (runner is null) throw new ArgumentException($"The runner of the device '{device}' is null.", nameof(devices));
        }
        if (_devices.GroupBy(d => d.Device, StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(g => g.Count() > 1) is { Key: var twice })
            throw new ArgumentException($"The device '{twice}' occurs twice; a device makes one run at a time.", nameof(devices));
    }

    /// <summary>How many devices there are.</summary>
    public int Count => _devices.Length;

    /// <summary>
    /// The directory of the lock files, on a local disk; it is made if needed. By default one of this user below the system's
    /// temporary directory. Containers that share a device must share the directory.
    /// </summary>
    public string Directory { get; init; } = Path.Combine(Path.GetTempPath(), $"autoresearch-{Environment.UserName}", "devices");

    /// <summary>
    /// How long a run may wait for a device before it ends as <see cref="RunOutcome.InfrastructureFailure"/>, which a loop tries
    /// again. Null (the default) for as long as it takes.
    /// </summary>
    public TimeSpan? Patience { get; init; }

    /// <summary>Measures the wait. The system's clock by default.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>The time between two looks, while waiting.</summary>
    internal TimeSpan PollInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Takes a lock, given its file, the file for its owner, and a note.</summary>
    internal Func<string, string?, string, FileLock?> TryTake { get; init; } = FileLock.TryTake;

    /// <inheritdoc/>
    public async Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        var start = TimeProvider.GetTimestamp();
        var (taken, at) = await TakeAsync(experiment, start, cancellationToken).ConfigureAwait(false);
        if (taken is null)
            return RunResult.Failure(RunOutcome.InfrastructureFailure, $"No device was free within {Patience}: {Holders()}.");
        using (taken)
        {
            var waited = TimeProvider.GetElapsedTime(start);
            RunScope.Current?.Begin();
            var (device, runner) = _devices[at];
            var result = await runner.RunAsync(experiment, progress, cancellationToken).ConfigureAwait(false);
            return result is null ? result! : result with
            {
                Device = new Dictionary<string, string>(result.Device ?? new Dictionary<string, string>(), StringComparer.Ordinal)
                {
                    ["device"] = device,
                    ["waited_seconds"] = waited.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture),
                },
            };
        }
    }

    private async Task<(FileLock? Lock, int Device)> TakeAsync(
        Experiment experiment, long start, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Prepare();
        var note = $", for {experiment.Id} since {TimeProvider.GetUtcNow():u}";
        (FileLock? Lock, int Device) turn = (null, -1);
        try
        {
            for (string? told = null; ;)
            {
                lock (_gate) // the runs of this pool must not find each other's looks in the way
                {
                    for (var device = 0; device < _devices.Length; device++)
                    {
                        if (Try(device, note, ref turn) is { } taken) return (taken, device);
                    }
                }
                if (TimeProvider.GetElapsedTime(start) >= Patience) return (null, -1);
                if (Holders() is var holders && holders != told) RunScope.Current?.Waiting(told = holders);
                await Task.Delay(PollInterval, TimeProvider, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            turn.Lock?.Dispose();
        }
    }

    /// <summary>
    /// Takes a device if it is free and nobody has waited longer. The first of those who wait for it holds its second lock,
    /// without which nobody may take the first: otherwise a loop that gives a device back would have it again
    /// before the others look.
    /// </summary>
    private FileLock? Try(int device, string note, ref (FileLock? Lock, int Device) turn)
    {
        var own = turn.Device == device ? turn.Lock : TryTake(Place(device, "next"), null, "");
        if (own is null) return null;
        var taken = TryTake(Place(device, "lock"), Place(device, "owner"), note);
        if (taken is null && turn.Lock is null) turn = (own, device);
        else if (own != turn.Lock) own.Dispose();
        if (taken is not null && !_isProven) Prove(device, taken);
        return taken;
    }

    private void Prepare()
    {
        if (OperatingSystem.IsWindows()) System.IO.Directory.CreateDirectory(Directory);
        else System.IO.Directory.CreateDirectory(Directory,
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    // Some network file systems take a lock and keep nobody out.
    private void Prove(int device, FileLock taken)
    {
        using var second = TryTake(Place(device, "lock"), null, "");
        _isProven = second is null;
        if (_isProven) return;
        taken.Dispose();
        throw new InvalidOperationException(
            $"Locks of files keep nobody out in '{Directory}'. Set DevicePool.Directory to one on a local disk.");
    }

    private string Holders() =>
        string.Join("; ", _devices.Select((d, i) => $"{d.Device} is used by {FileLock.Owner(Place(i, "owner"))}"));

    private string Place(int device, string kind) => Path.Combine(Directory, $"{_devices[device].Device}.{kind}");
}
