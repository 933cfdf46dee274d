using System.Diagnostics;
using System.Globalization;

namespace AutoResearch;

/// <summary>
/// Runs programs in namespaces of their own with bubblewrap (<c>apt-get install bubblewrap</c>), on Linux: they see the system's
/// programs and libraries, what the policy names, and a private /tmp, all but their own directories read-only; their own
/// processes only; no network; no capabilities, no further namespaces, no set-uid programs, and no system calls that no training
/// needs. When the run ends, everything in it ends.
/// </summary>
/// <remarks>
/// Not covered: faults of the kernel; files that processes of the host have left open to be inherited; how much processor time is
/// taken; what GPUs keep in their memory. Processes are bounded by the kernel for ordinary users and by looking four times a
/// second for root, whom the kernel does not bound. See docs/security.md. Thread-safe.
/// </remarks>
public sealed class BubblewrapSandbox : ISandbox
{
    private const string Home = "/tmp/home";
    private static readonly byte[]? s_filter = SystemCallFilter.Create();
    private static readonly Version s_oldest = new(0, 8, 0);
    private static readonly Version s_countsPerNamespace = new(5, 14);

    // Programs, libraries, and the few files of /etc that they need. No home, no /run and no /var with their sockets.
    private static readonly string[] s_system =
    [
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/etc/alternatives", "/etc/ca-certificates",
        "/etc/group", "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
        "/etc/nsswitch.conf", "/etc/OpenCL", "/etc/passwd", "/etc/pki/tls/certs", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
        "/etc/timezone",
    ];

    private readonly Lazy<SandboxDescription> _description;
    private readonly string _program;

    /// <summary>Creates a sandbox. Whether it can be used is told by <see cref="Describe"/>.</summary>
    /// <param name="policy">What programs may do; null for the default.</param>
    /// <param name="program">The bubblewrap program.</param>
    /// <exception cref="ArgumentException">The policy makes no sense; the message says why.</exception>
    public BubblewrapSandbox(SandboxPolicy? policy = null, string program = "bwrap")
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(program);
        Policy = (policy ?? SandboxPolicy.Default).Validate();
        _program = program;
        _description = new(Inspect);
    }

    /// <inheritdoc/>
    public SandboxPolicy Policy { get; }

    // The kernel counts processes by namespace since 5.14, and never holds root to the limit.
    private static bool CountsProcesses =>
        Environment.OSVersion.Version >= s_countsPerNamespace && !Environment.IsPrivilegedProcess;

    /// <inheritdoc/>
    public SandboxDescription Describe() => _description.Value;

    /// <inheritdoc/>
    public SandboxLaunch Wrap(SandboxCommand command)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (SandboxPolicy.IsTooMuch(command.WorkingDirectory) && !command.Writable.Contains(command.WorkingDirectory))
            throw new SandboxException($"The program cannot start in '{command.WorkingDirectory}': "
                + "a sandbox that shows it shows the keys in it. Set ProcessRunnerOptions.WorkingDirectory.");
        List<string> arguments =
        [
            _program, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--cap-drop",
            "ALL", "--hostname", "sandbox", "--json-status-fd",
            SandboxLaunch.StatusDescriptor.ToString(CultureInfo.InvariantCulture),
        ];
        if (s_filter is not null)
            arguments.AddRange(["--seccomp", SandboxLaunch.InputDescriptor.ToString(CultureInfo.InvariantCulture)]);
        if (Policy.Network) arguments.Add("--share-net");
        foreach (var path in Policy.Network ? s_system.Append("/etc/resolv.conf") : s_system) AddSystem(path, arguments);
        // Writable for root otherwise: settings such as core_pattern would lead out of the sandbox.
        arguments.AddRange(["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]);
        foreach (var device in Policy.Devices) arguments.AddRange(["--dev-bind", Existing(device), device]);
        var size = Policy.TemporaryBytes.ToString(CultureInfo.InvariantCulture);
        arguments.AddRange(
            ["--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--size", size, "--tmpfs", "/tmp", "--dir", Home]);
        foreach (var path in Policy.Readable.Concat(command.Readable).Append(command.WorkingDirectory)) Bind("--ro-bind", path);
        foreach (var path in Policy.Writable.Concat(command.Writable)) Bind("--bind", path);
        foreach (var path in Policy.Hidden.Select(SandboxPolicy.Expand))
        {
            if (Directory.Exists(path)) arguments.AddRange(["--tmpfs", path, "--remount-ro", path]);
            else if (File.Exists(path)) arguments.AddRange(["--ro-bind", "/dev/null", path]);
        }

        arguments.AddRange(["--remount-ro", "/", "--chdir", command.WorkingDirectory, "--"]);
        CheckReadable(command);
        arguments.AddRange(ShellLimits.Wrap(Policy, command, CountsProcesses));
        return new(arguments)
        {
            ReportsExit = true,
            Input = s_filter,
            Environment = new Dictionary<string, string>
            {
                ["HOME"] = Home,
                ["TMPDIR"] = "/tmp",
                ["TMP"] = "/tmp",
                ["TEMP"] = "/tmp",
                ["PWD"] = command.WorkingDirectory,
            },
        };

        void Bind(string how, string path)
        {
            var full = Existing(path);
            arguments.AddRange([how, full, full]);
        }
    }

    private static void AddSystem(string path, List<string> arguments)
    {
        var link = new FileInfo(path).LinkTarget;
        // /bin -> usr/bin
        if (link is not null && !path.StartsWith("/etc/", StringComparison.Ordinal))
            arguments.AddRange(["--symlink", link, path]);
        else if (Path.Exists(path))
            arguments.AddRange(["--ro-bind", path, path]);
    }

    private static string Existing(string path)
    {
        var full = SandboxPolicy.Expand(path);
        return Path.Exists(full)
            ? full
            : throw new SandboxException($"The sandbox cannot be set up: '{path}', which its policy names, does not exist.");
    }

    private void CheckReadable(SandboxCommand command)
    {
        IEnumerable<string> visible = [.. s_system, .. Policy.Readable, .. Policy.Writable, .. command.Readable,
            .. command.Writable, command.WorkingDirectory];
        foreach (var program in (string[])[command.Program,
            new FileInfo(command.Program).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? command.Program])
        {
            if (!visible.Any(path => (program + "/").StartsWith(SandboxPolicy.Expand(path) + "/", StringComparison.Ordinal)))
                throw new SandboxException($"The program '{program}' cannot be read in the sandbox. Add it, "
                    + "or the installation that it belongs to, to SandboxPolicy.Readable.");
        }
    }

    private SandboxDescription Inspect()
    {
        if (!OperatingSystem.IsLinux()) return Unusable("bubblewrap is for Linux only.");
        var (code, output) = Try([_program, "--version"]);
        if (code is null)
            return Unusable($"'{_program}' could not be started ({output}). Install it: apt-get install bubblewrap, "
                + "dnf install bubblewrap or apk add bubblewrap.");
        var text = output.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault()
            ?? "";
        if (!Version.TryParse(text, out var version) || version < s_oldest)
            return Unusable($"bubblewrap is version '{text}'; {s_oldest} or later is needed.");
        try
        {
            var probe = Wrap(new() { Program = "/bin/sh", Arguments = ["-c", "exit 0"], WorkingDirectory = "/usr" });
            using var files = new LaunchFiles(probe);
            (code, output) = Try(["/bin/sh", "-c", "input=$1; shift; exec \"$@\" 8<\"$input\" 9>\"$0\"", files.Status,
                files.Input, .. probe.Command]);
        }
        catch (SandboxException e)
        {
            return Unusable(e.Message);
        }

        return code == 0
            ? new($"bubblewrap {version}", Covered())
            : Unusable($"bubblewrap cannot make namespaces here ({output.Trim()}). "
                + "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
                + "or an AppArmor profile for bwrap); containers need --security-opt seccomp=unconfined or the like.");

        SandboxDescription Unusable(string problem) =>
            new("bubblewrap", new Dictionary<SandboxProtection, string>()) { Problem = problem };
    }

    private Dictionary<SandboxProtection, string> Covered()
    {
        var covered = new Dictionary<SandboxProtection, string>
        {
            [SandboxProtection.Writes] = "mount namespace, read-only binds",
            [SandboxProtection.Reads] = "mount namespace, allow-list",
            [SandboxProtection.Environment] = "allow-list",
            [SandboxProtection.OtherProcesses] = "pid and ipc namespaces",
            [SandboxProtection.Survivors] = "pid namespace",
            [SandboxProtection.Privileges] = "user namespace without capabilities, no_new_privs, read-only /proc"
                + (s_filter is null ? "" : ", system call filter"),
        };
        if (!Policy.Network) covered[SandboxProtection.Network] = "network namespace";
        if (Policy.Processes is not null)
            covered[SandboxProtection.ProcessCount] = CountsProcesses ? "rlimit, sampled" : "sampled";
        if (Policy.MemoryBytes is not null) covered[SandboxProtection.Memory] = "rlimit per process, sampled in sum";
        if (Policy.FileBytes is not null) covered[SandboxProtection.FileSize] = "rlimit, size of tmpfs";
        if (Policy.DiskBytes is not null) covered[SandboxProtection.Disk] = "sampled, size of tmpfs";
        return covered;
    }

    private static (int? Code, string Output) Try(IReadOnlyList<string> command)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1))
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                RedirectStandardInput = true,
            })!;
            process.StandardInput.Close();
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd() + error.GetAwaiter().GetResult();
            process.WaitForExit();
            return (process.ExitCode, output);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return (null, e.Message);
        }
    }
}
