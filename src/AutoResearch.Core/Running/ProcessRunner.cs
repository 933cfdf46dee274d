using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AutoResearch;

/// <summary>
/// Runs any program in any language as an experiment, e.g. autoresearch's <c>uv run train.py</c>: starts it in a session of
/// its own, owns its clock, reads its metrics from the output, and ends it with everything that it started.
/// </summary>
/// <remarks>
/// Metrics are lines <c>name: value</c>, as in autoresearch's summary, and JSON objects, one a line; the last value of a name
/// counts. The program is told in its environment: AUTORESEARCH_EXPERIMENT (unique to the attempt), AUTORESEARCH_SEED,
/// AUTORESEARCH_RUN_DIR, and AUTORESEARCH_TRAINING_SECONDS, _WALL_SECONDS, _STEPS, _TOKENS, _FLOPS where the budget has them.
/// Arguments may hold the placeholders <c>{seed}</c>, <c>{experiment}</c>, <c>{run_dir}</c>, <c>{training_seconds}</c>,
/// <c>{wall_seconds}</c>, <c>{steps}</c>, <c>{tokens}</c> and the candidate's parameters. What is covered on which system is told
/// in docs/running-experiments.md. Thread-safe; runs may be concurrent.
/// </remarks>
public sealed class ProcessRunner : IExperimentRunner, IAsyncDisposable
{
    private const long FullDisk = 1 << 20;
    private const int LooksPerDiskLook = 4;
    private static readonly TimeSpan s_watchInterval = TimeSpan.FromMilliseconds(250);
    private static readonly string[] s_environment =
    [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES", "SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "USERPROFILE", "APPDATA",
        "LOCALAPPDATA", "ProgramFiles", "ProgramData",
    ];

    private readonly IReadOnlyList<string> _command;
    private readonly ProcessRunnerOptions _options;
    private readonly TimeProvider _clock;
    private readonly EvaluationRun? _evaluation;
    private readonly CancellationTokenSource _disposal = new();
    private readonly Lock _lock = new();
    private readonly HashSet<Task> _runs = [];

    /// <summary>Creates a runner for a command line, which is split at blanks outside of quotes; no shell is involved.</summary>
    /// <param name="command">The program and its arguments, e.g. <c>python train.py --lr {lr}</c>.</param>
    /// <param name="options">How it is run; null for the defaults. Do not change them afterwards.</param>
    /// <param name="clock">Measures the budget; the system's clock when null.</param>
    /// <exception cref="ArgumentException">The command is empty or an option makes no sense; the message says which.</exception>
    public ProcessRunner(string command, ProcessRunnerOptions? options = null, TimeProvider? clock = null)
        : this(CommandLine.Split(command), options, clock)
    {
    }

    /// <summary>Creates a runner for a program and its arguments.</summary>
    /// <inheritdoc cref="ProcessRunner(string, ProcessRunnerOptions?, TimeProvider?)"/>
    public ProcessRunner(IReadOnlyList<string> command, ProcessRunnerOptions? options = null, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (command.Count == 0 || string.IsNullOrWhiteSpace(command[0]))
            throw new ArgumentException("The command names no program.", nameof(command));
        _command = [.. command];
        _options = (options ?? new()).Validate();
        _clock = clock ?? TimeProvider.System;
        if (_options.Evaluator is { } evaluator) _evaluation = new(evaluator, TrustedFiles.Read(evaluator.Trusted));
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The runner was disposed of.</exception>
    public async Task<RunResult> RunAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        cancellationToken.ThrowIfCancellationRequested();
        experiment.Budget.Validate();
        Task<RunResult> run;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposal.IsCancellationRequested, this);
            run = Task.Run(() => RunInDirectoryAsync(experiment, progress, cancellationToken), CancellationToken.None);
            _runs.Add(run);
        }
        try
        {
            return await run.ConfigureAwait(false);
        }
        finally
        {
            lock (_lock) _runs.Remove(run);
        }
    }

    /// <summary>Ends all programs that are running, and waits until they are gone. Safe to call twice.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] runs;
        lock (_lock) runs = [.. _runs];
        await _disposal.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(runs).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task<RunResult> RunInDirectoryAsync(
        Experiment experiment, IProgress<Measurement>? progress, CancellationToken cancellationToken)
    {
        var nonce = Guid.NewGuid().ToString("N")[..12];
        if (_options.Workspace is { } workspace)
            return await RunInWorkspaceAsync(workspace, experiment, nonce, progress, cancellationToken).ConfigureAwait(false);
        RunDirectory directory;
        try
        {
            directory = RunDirectory.Create(_options, experiment, nonce);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return RunResult.Failure(RunOutcome.InfrastructureFailure,
                $"The run directory in '{_options.RunsDirectory}' could not be made: {e.Message} Make room, "
                + "or set ProcessRunnerOptions.RunsDirectory.");
        }
        try
        {
            var result = await RunProcessAsync(experiment, directory.Path, nonce, progress,
                cancellationToken).ConfigureAwait(false);
            if (_options.RequiredMetric is { } metric) result = result.RequireMetric(metric);
            return result with { Artifacts = _options.KeepRunDirectories ? [directory.Path] : null };
        }
        finally
        {
            if (!_options.KeepRunDirectories) directory.Delete();
        }
    }

    private async Task<RunResult> RunInWorkspaceAsync(
        IExperimentWorkspace workspace, Experiment experiment, string nonce, IProgress<Measurement>? progress,
        CancellationToken cancellationToken)
    {
        IExperimentDirectory directory;
        try
        {
            directory = await workspace.CreateAsync(experiment, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return RunResult.Failure(RunOutcome.InfrastructureFailure,
                $"The experiment's directory could not be made: {e.Message}");
        }

        await using (directory.ConfigureAwait(false))
        {
            var result = await RunProcessAsync(experiment, directory.Path, nonce, progress,
                cancellationToken).ConfigureAwait(false);
            if (_options.RequiredMetric is { } metric) result = result.RequireMetric(metric);
            result = result with { Hashes = Merged(result.Hashes, directory.Hashes) };
            return await directory.CheckAsync(cancellationToken).ConfigureAwait(false) is { } violation
                && result.Outcome != RunOutcome.InfrastructureFailure
                ? result with
                {
                    Outcome = RunOutcome.Invalid,
                    Message = $"A file that is not the program's to change was changed: {violation}.",
                }
                : result;
        }
    }

    private async Task<RunResult> RunProcessAsync(
        Experiment experiment, string runDirectory, string nonce, IProgress<Measurement>? progress,
        CancellationToken cancellationToken)
    {
        var hashes = default(Dictionary<string, string>);
        if (_options.Build is { } build)
        {
            var built = await LaunchAsync(new(CommandLine.Split(build), runDirectory) { Limit = _options.BuildTime }, experiment,
                nonce, cancellationToken).ConfigureAwait(false);
            if (built.Outcome != RunOutcome.Completed)
                return built with
                {
                    Metrics = new Dictionary<string, double>(),
                    Message = $"The build did not succeed. {built.Message}",
                };
            if (_options.ProgramFile is { } file && HashOf(Path.Combine(runDirectory, file)) is { } hash)
                hashes = new(StringComparer.Ordinal) { [NoOpGuard.ProgramHash] = hash };
        }

        var program = new ProgramLaunch(_command, runDirectory)
        {
            IsExperiment = true,
            Progress = progress,
            Limit = LimitOf(experiment.ScaledBudget()),
        };
        var result = _options.Host is { } host
            ? await RunHostedAsync(host, program, experiment, nonce, cancellationToken).ConfigureAwait(false)
            : _evaluation is { } evaluation ? await evaluation.RunAsync(runDirectory, Train, Evaluate).ConfigureAwait(false)
            : await Train().ConfigureAwait(false);
        return hashes is null ? result : result with { Hashes = Merged(result.Hashes, hashes) };

        Task<RunResult> Train() => LaunchAsync(program, experiment, nonce, cancellationToken);

        Task<RunResult> Evaluate(EvaluationArtifact artifact)
        {
            var evaluator = _options.Evaluator!;
            return LaunchAsync(new(evaluator.Command, artifact.Directory)
            {
                StartsInDirectory = true,
                Limit = evaluator.Time,
                Readable = evaluator.Trusted,
                Values = new Dictionary<string, string>(StringComparer.Ordinal) { ["artifact"] = artifact.Path },
                // Nothing may be added beside it
                Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["PYTHONDONTWRITEBYTECODE"] = "1" },
            }, experiment, nonce, cancellationToken);
        }
    }

    private async Task<RunResult> RunHostedAsync(
        IProgramHost host, ProgramLaunch program, Experiment experiment, string nonce, CancellationToken cancellationToken)
    {
        IProgramSession session;
        try
        {
            session = await host.OpenAsync(experiment, program.Progress, cancellationToken).ConfigureAwait(false);
        }
        catch (ArgumentException e)
        {
            return RunResult.Failure(RunOutcome.Invalid, e.Message);
        }

        await using (session.ConfigureAwait(false))
            return await LaunchAsync(program with { Session = session }, experiment, nonce,
                cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Starts one program of an experiment, watches it and ends it with everything that it started.</summary>
    private async Task<RunResult> LaunchAsync(
        ProgramLaunch launch, Experiment experiment, string nonce, CancellationToken cancellationToken)
    {
        RunConfinement confinement;
        try
        {
            confinement = RunConfinement.Of(_options, experiment.Candidate);
        }
        catch (Exception e) when (e is SandboxException or ArgumentException)
        {
            return RunResult.Failure(RunOutcome.InfrastructureFailure, e.Message);
        }

        using (confinement)
        {
            var result = await LaunchConfinedAsync(launch, experiment, nonce, confinement,
                cancellationToken).ConfigureAwait(false);
            var device = new Dictionary<string, string>(result.Device ?? DeviceFingerprint.Read(), StringComparer.Ordinal)
            {
                ["sandbox"] = confinement.Description,
            };
            return result with { Device = device };
        }
    }

    private async Task<RunResult> LaunchConfinedAsync(
        ProgramLaunch launch, Experiment experiment, string nonce, RunConfinement confinement,
        CancellationToken cancellationToken)
    {
        var (command, progress, session) = (launch.Command, launch.Progress, launch.Session);
        using var process = new Process();
        try
        {
            process.StartInfo = Prepare(launch, experiment, nonce, confinement);
        }
        catch (SandboxException e)
        {
            return RunResult.Failure(RunOutcome.InfrastructureFailure, e.Message);
        }
        catch (ArgumentException e)
        {
            return RunResult.Failure(RunOutcome.Invalid, e.Message);
        }
        var start = _clock.GetTimestamp();
        var output = new RunOutput(_options.LogTailLength, session is null ? progress : null, () => _clock.GetElapsedTime(start));
        try
        {
            if (Find(command[0], process.StartInfo.WorkingDirectory) is null) throw new Win32Exception(2, "no such file");
            process.Start();
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException or IOException)
        {
            return RunResult.Failure(RunOutcome.InfrastructureFailure,
                $"The program '{command[0]}' could not be started: {e.Message}. Install it, or give its full path.");
        }

        var tree = new ProcessTree(process, $"AUTORESEARCH_EXPERIMENT={experiment.Id}-{nonce}", confinement.IsNamespace);
        var reading = Task.WhenAll(output.ReadAsync(process.StandardOutput.BaseStream),
            output.ReadAsync(process.StandardError.BaseStream));
        using var serving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var served = session?.ServeAsync(ended.Task, serving.Token);
        var report = new MemoryReport(progress, () => _clock.GetElapsedTime(start));
        var (stop, peak) = await WatchAsync(process, tree, launch.Limit, (memory, look) =>
        {
            report.Add(memory);
            return confinement.Violation(tree, memory, experiment.Budget, [launch.Directory],
                lookAtDisk: look % LooksPerDiskLook == 0);
        }, served, cancellationToken).ConfigureAwait(false);
        var exitedItself = process.HasExited;
        // What the program left behind goes too, whether it ended by itself or not: a survivor would disturb the next run.
        await tree.KillAsync(stop is null && exitedItself ? TimeSpan.Zero : _options.KillGrace).ConfigureAwait(false);
        ended.TrySetResult();
        await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(5), CancellationToken.None)).ConfigureAwait(false);
        if (stop is not null) await serving.CancelAsync().ConfigureAwait(false);
        var verdict = await ResultOfAsync(served).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_disposal.IsCancellationRequested, this);

        var result = stop is { } failure
            ? RunResult.Failure(failure.Outcome, $"{failure.Message} {ProcessOutcome.LastLine(output.Tail)}") with
            {
                Metrics = output.Metrics,
            }
            : exitedItself && confinement.HasFailed()
            ? RunResult.Failure(RunOutcome.InfrastructureFailure,
                $"The sandbox failed, not the program. {ProcessOutcome.LastLine(output.Tail)}")
            : verdict is null || (verdict.Outcome == RunOutcome.Crashed && exitedItself && process.ExitCode != 0)
            ? ProcessOutcome.Of(process.ExitCode, output, () => DiskIsFull(process.StartInfo.WorkingDirectory))
            : verdict;
        var usage = Usage(session is null ? output.Metrics : result.Metrics, _clock.GetElapsedTime(start), peak, tree.CpuTime);
        // A program with a session has no say in its metrics, whatever it prints.
        if (session is not null)
            result = result with { Metrics = verdict?.Metrics ?? new Dictionary<string, double>(), Curve = verdict?.Curve };
        return result with { LogTail = output.Tail, Usage = usage };
    }

    private static async Task<RunResult?> ResultOfAsync(Task<RunResult>? served)
    {
        if (served is null) return null;
        try
        {
            return await served.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private TimeSpan? LimitOf(Budget budget)
    {
        // A host owns the clock of the training, and limits what comes before and after it.
        var limit = _options.Host is null && budget.Training is { } training
            ? training + _options.StartupAllowance
            : (TimeSpan?)null;
        return budget.Wall is { } wall && (limit is null || wall < limit) ? wall : limit;
    }

    /// <summary>
    /// Waits for the program's end, or for its session's, and returns why it has to be ended if neither comes in time.
    /// </summary>
    private async Task<((RunOutcome Outcome, string Message)? Stop, long PeakMemory)> WatchAsync(
        Process process, ProcessTree tree, TimeSpan? limit, Func<long, int, (RunOutcome, string)?> violation, Task? served,
        CancellationToken cancellationToken)
    {
        using var deadline = limit is { } time ? new CancellationTokenSource(time, _clock) : new CancellationTokenSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken, _disposal.Token);
        var exit = process.WaitForExitAsync(CancellationToken.None);
        var end = served is null ? exit : Task.WhenAny(exit, served);
        var peak = 0L;
        for (var look = 1; ; look++)
        {
            peak = Math.Max(peak, tree.Observe());
            if (end.IsCompleted)
            {
                // A program whose session has what it wanted may end by itself, so that its last words are read.
                if (served is { IsCompletedSuccessfully: true } && !exit.IsCompleted)
                    await Task.WhenAny(exit, Task.Delay(_options.KillGrace, CancellationToken.None)).ConfigureAwait(false);
                return (null, peak);
            }
            if (violation(peak, look) is { } found) return (found, peak);
            try
            {
                await end.WaitAsync(s_watchInterval, stop.Token).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // look again
            }
            catch (OperationCanceledException) when (!end.IsCompleted)
            {
                return ((RunOutcome.TimedOut, string.Create(CultureInfo.InvariantCulture,
                    $"The program was still running after {limit?.TotalSeconds:0.###} s and was ended.")), peak);
            }
        }
    }

    private static string? HashOf(string file)
    {
        try
        {
            if (new FileInfo(file).LinkTarget is not null) return null;
            using var stream = File.OpenRead(file);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static Dictionary<string, string> Merged(
        IReadOnlyDictionary<string, string>? first, IReadOnlyDictionary<string, string>? second)
    {
        var all = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in (first ?? all).Concat(second ?? new Dictionary<string, string>())) all[name] = value;
        return all;
    }

    private ProcessStartInfo Prepare(ProgramLaunch launch, Experiment experiment, string nonce, RunConfinement confinement)
    {
        var command = launch.Command;
        var values = CommandLine.ValuesOf(experiment, launch.Directory);
        foreach (var (name, value) in launch.Values) values[name] = value;
        List<string> arguments = [.. command.Skip(1).Select(a => CommandLine.Fill(a, values))];
        if (_options.Parameters == ParameterPassing.Arguments && launch.IsExperiment)
        {
            foreach (var (name, value) in experiment.Candidate.Parameters) arguments.AddRange([$"--{name}", value.ToString()]);
        }

        var needsDirectory = launch.StartsInDirectory || _options.TemplateDirectory is not null || _options.Workspace is not null
            || _options.Evaluator is not null || experiment.Candidate.Source is not null;
        var info = new ProcessStartInfo
        {
            WorkingDirectory = _options.WorkingDirectory ?? (needsDirectory ? launch.Directory : Environment.CurrentDirectory),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        // A program that does not exist is told apart by the caller.
        if (Find(command[0], info.WorkingDirectory) is not { } program)
        {
            info.FileName = command[0];
            return info;
        }

        var (all, environment) = confinement.Wrap(
            new()
            {
                Program = program,
                Arguments = arguments,
                WorkingDirectory = info.WorkingDirectory,
                Writable = [launch.Directory, .. launch.Session?.SharedPaths ?? []],
                Readable = launch.Readable,
            },
            OperatingSystem.IsWindows() ? null : Find("setsid", "/"));
        info.FileName = all[0];
        foreach (var argument in all.Skip(1)) info.ArgumentList.Add(argument);
        SetEnvironment(info, experiment, values, $"{experiment.Id}-{nonce}", confinement.Policy);
        foreach (var (name, value) in environment.Concat(launch.Environment)
            .Concat(launch.Session?.Environment ?? new Dictionary<string, string>()))
            info.Environment[name] = value;
        return info;
    }

    private void SetEnvironment(
        ProcessStartInfo info, Experiment experiment, Dictionary<string, string> values, string id, SandboxPolicy? policy)
    {
        var inherited = info.Environment.Where(e => s_environment.Contains(e.Key, StringComparer.OrdinalIgnoreCase)
            || e.Key.StartsWith("LC_", StringComparison.Ordinal) || e.Key.StartsWith("DOTNET_", StringComparison.Ordinal)
            || _options.AllowedEnvironment.Contains(e.Key) || policy?.Environment.Contains(e.Key) == true
            || policy?.Credentials.Contains(e.Key) == true).ToList();
        info.Environment.Clear();
        foreach (var (name, value) in inherited.Concat(
            _options.Environment.Select(e => new KeyValuePair<string, string?>(e.Key, e.Value))))
            info.Environment[name] = value;
        if (_options.Parameters == ParameterPassing.Environment)
        {
            foreach (var (name, value) in experiment.Candidate.Parameters) info.Environment[Variable(name)] = value.ToString();
        }
        foreach (var name in (string[])["seed", "run_dir", "training_seconds", "wall_seconds", "steps", "tokens"])
        {
            if (values.TryGetValue(name, out var value)) info.Environment[Variable(name)] = value;
        }
        info.Environment["AUTORESEARCH_EXPERIMENT"] = id;
    }

    private static string Variable(string name)
    {
        var text = new StringBuilder("AUTORESEARCH_");
        foreach (var c in name) text.Append(char.IsAsciiLetterOrDigit(c) ? char.ToUpperInvariant(c) : '_');
        return text.ToString();
    }

    // Looked up here, and not by the shell, so that a missing program is told apart from one that fails.
    private static string? Find(string program, string workingDirectory)
    {
        if (OperatingSystem.IsWindows()) return program;
        if (program.Contains('/'))
            return File.Exists(Path.Combine(workingDirectory, program)) ? Path.GetFullPath(program, workingDirectory) : null;
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists);
    }

    private bool DiskIsFull(string workingDirectory) =>
        ((string[])[workingDirectory, _options.RunsDirectory, Path.GetTempPath()]).Any(directory =>
        {
            try
            {
                return _options.FreeSpace(directory) < FullDisk;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                return false;
            }
        });

    // autoresearch's summary tells more than can be seen from outside.
    private static ResourceUsage Usage(IReadOnlyDictionary<string, double> metrics, TimeSpan wall, long peak, TimeSpan cpu)
    {
        double? Metric(string name) => metrics.TryGetValue(name, out var value) && value is >= 0 and < 1e15 ? value : null;
        return new ResourceUsage
        {
            WallTime = wall,
            CpuTime = cpu > TimeSpan.Zero ? cpu : null,
            TrainingTime = Metric("training_seconds") is < 1e9 and { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            PeakMemoryBytes = Metric("peak_vram_mb") is > 0 and { } megabytes ? (long)(megabytes * 1048576) : peak > 0 ? peak
                : null,
            Steps = (long?)Metric("num_steps"),
            Tokens = (long?)(Metric("total_tokens_M") * 1e6),
        };
    }
}
