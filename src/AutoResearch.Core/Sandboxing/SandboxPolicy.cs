using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace AutoResearch;

/// <summary>
/// What a program in a sandbox may do. Everything is forbidden that is not named here: it reads the system's programs and
/// libraries, writes its own directory and a private /tmp, and has neither network nor keys. Immutable; use
/// <c>with</c> for another one.
/// </summary>
public sealed record SandboxPolicy
{
    private static readonly string[] s_credentials =
        ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS", "COOKIE", "AUTH"];

    /// <summary>The default policy.</summary>
    public static SandboxPolicy Default { get; } = new();

    /// <summary>True for the network of this machine, loopback included. Default false: none at all.</summary>
    public bool Network { get; init; }

    /// <summary>
    /// Files and directories that may be read besides the system's programs and libraries, e.g. a data set, a virtual
    /// environment, <c>~/.dotnet</c>. Absolute, or beginning with <c>~/</c>. Default none: home directories and
    /// other runs are not there.
    /// </summary>
    public IReadOnlyList<string> Readable { get; init; } = [];

    /// <summary>
    /// Files and directories that are covered up although what is around them may be read, e.g. the text that a score is made of:
    /// in their place stands an empty directory or an empty file. What does not exist needs no cover. Default none.
    /// </summary>
    public IReadOnlyList<string> Hidden { get; init; } = [];

    /// <summary>
    /// Directories that may be written besides the run's own, e.g. a compilation cache. Every run sees what others wrote there,
    /// so one can change the result of the next: prefer none. Default none.
    /// </summary>
    public IReadOnlyList<string> Writable { get; init; } = [];

    /// <summary>
    /// Device files, e.g. those of GPUs; see <see cref="WithGpus"/>. Default none but null, zero, random and the like.
    /// </summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>Names of environment variables that are passed on, besides those of a bare system. Default none.</summary>
    public IReadOnlyList<string> Environment { get; init; } = [];

    /// <summary>
    /// Names of environment variables that are passed on although they look like credentials. Default none; a variable whose
    /// name says key, token, secret or password is refused everywhere else.
    /// </summary>
    public IReadOnlyList<string> Credentials { get; init; } = [];

    /// <summary>
    /// Bytes of memory of the whole run; null (the default) for no limit besides <see cref="Budget.MemoryBytes"/>.
    /// </summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Processes and threads at a time; null for no limit. Default 1,024.</summary>
    public int? Processes { get; init; } = 1024;

    /// <summary>Bytes of one file; null for no limit. Default 16 GiB.</summary>
    public long? FileBytes { get; init; } = 16L << 30;

    /// <summary>
    /// Bytes that a run may leave in its own directories at any time; null for no limit. Default 32 GiB. Sampled once a second.
    /// </summary>
    public long? DiskBytes { get; init; } = 32L << 30;

    /// <summary>
    /// Files and directories that a run may have in its own directories; null for no limit. Default 100,000.
    /// Sampled once a second.
    /// </summary>
    public int? DiskFiles { get; init; } = 100_000;

    /// <summary>Open files of one process; null for no limit. Default 4,096.</summary>
    public int? OpenFiles { get; init; } = 4096;

    /// <summary>Processor time of one process; null (the default) for no limit besides the run's time.</summary>
    public TimeSpan? CpuTime { get; init; }

    /// <summary>Bytes of the private /tmp, and of /dev/shm; they are memory. Default 1 GiB.</summary>
    public long TemporaryBytes { get; init; } = 1L << 30;

    /// <summary>This policy with the device files of all GPUs of this machine: NVIDIA's, /dev/kfd and /dev/dri.</summary>
    public SandboxPolicy WithGpus()
    {
        IEnumerable<string> all = Directory.Exists("/dev") ? Directory.EnumerateFileSystemEntries("/dev") : [];
        var found = all.Where(p =>
            Path.GetFileName(p) is var name && (name is "kfd" or "dri" || name.StartsWith("nvidia", StringComparison.Ordinal)));
        return this with
        {
            Devices = [.. Devices.Union(found, StringComparer.Ordinal)],
            Readable = Directory.Exists("/sys") ? [.. Readable.Append("/sys").Distinct(StringComparer.Ordinal)] : Readable,
        };
    }

    /// <summary>This policy with the .NET installation that this process runs on, for <c>dotnet</c> commands.</summary>
    public SandboxPolicy WithDotNet()
    {
        // …/shared/Microsoft.NETCore.App/10.0.0/
        var runtime = Path.TrimEndingDirectorySeparator(RuntimeEnvironment.GetRuntimeDirectory());
        var root = Path.GetFullPath(Path.Combine(runtime, "..", "..", ".."));
        return File.Exists(Path.Combine(root, "dotnet"))
            ? this with { Readable = [.. Readable.Append(root).Distinct(StringComparer.Ordinal)] }
            : this;
    }

    /// <summary>The whole policy in one line, as it is recorded with every run.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(Network ? "network" : "no network");
        List("reads", Readable);
        List("hides", Hidden);
        List("writes", Writable);
        List("devices", Devices);
        List("environment", [.. Environment, .. Credentials]);
        Limit("memory", MemoryBytes is { } memory ? Bytes(memory) : null);
        Limit("processes", Processes?.ToString(CultureInfo.InvariantCulture));
        Limit("file", FileBytes is { } file ? Bytes(file) : null);
        Limit("disk", DiskBytes is { } disk ? Bytes(disk) : null);
        Limit("files", DiskFiles?.ToString(CultureInfo.InvariantCulture));
        Limit("open files", OpenFiles?.ToString(CultureInfo.InvariantCulture));
        Limit("cpu", CpuTime is { } time ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s") : null);
        return text.Append(CultureInfo.InvariantCulture, $", /tmp {Bytes(TemporaryBytes)}").ToString();

        void List(string what, IReadOnlyList<string> names)
        {
            if (names.Count > 0) text.Append(CultureInfo.InvariantCulture, $", {what} {string.Join(' ', names)}");
        }

        void Limit(string what, string? value)
        {
            if (value is not null) text.Append(CultureInfo.InvariantCulture, $", {what} {value}");
        }
    }

    /// <summary>Whether a variable's name says that it holds a credential.</summary>
    internal static bool LooksLikeCredential(string name) =>
        name.ToUpperInvariant().Split('_', '-', '.').Any(part =>
            s_credentials.Contains(part, StringComparer.Ordinal) || part.EndsWith("APIKEY", StringComparison.Ordinal));

    /// <summary>Whether the program may have a variable that was asked for by name.</summary>
    /// <exception cref="ArgumentException">It looks like a credential and is not among <see cref="Credentials"/>.</exception>
    internal void CheckVariable(string name)
    {
        if (LooksLikeCredential(name) && !Credentials.Contains(name, StringComparer.Ordinal))
            throw new ArgumentException($"The environment variable '{name}' looks like a credential, and experiments get none. "
                + "If this one is needed, name it in SandboxPolicy.Credentials.");
    }

    internal SandboxPolicy Validate()
    {
        foreach (var path in Readable.Concat(Hidden).Concat(Writable).Concat(Devices))
            Check(nameof(Readable), path, Path.IsPathRooted(path) || path.StartsWith("~/", StringComparison.Ordinal),
                "is not an absolute path; write it out, or begin with ~/");
        foreach (var path in Readable.Concat(Writable))
            Check(nameof(Readable), path, !IsTooMuch(Expand(path)),
                "would show the whole system or a home directory, with the keys in it; name what is needed below it");
        foreach (var path in Writable)
            Check(nameof(Writable), path, Expand(path) is not ("/proc" or "/dev" or "/sys" or "/etc" or "/usr"),
                "belongs to the system; name a directory of the experiment's");
        foreach (var path in Devices)
            Check(nameof(Devices), path, path.StartsWith("/dev/", StringComparison.Ordinal), "is not below /dev");
        foreach (var name in Environment) CheckVariable(name);
        (string, long?)[] limits =
        [
            (nameof(MemoryBytes), MemoryBytes), (nameof(Processes), Processes), (nameof(FileBytes), FileBytes),
            (nameof(DiskBytes), DiskBytes), (nameof(DiskFiles), DiskFiles), (nameof(OpenFiles), OpenFiles),
            (nameof(CpuTime), CpuTime?.Ticks), (nameof(TemporaryBytes), TemporaryBytes),
        ];
        foreach (var (name, value) in limits)
            Check(name, value?.ToString(CultureInfo.InvariantCulture), value is null or > 0,
                "must be positive, or null for no limit");

        return this;
    }

    /// <summary>The full path, with ~ for the home directory.</summary>
    internal static string Expand(string path) =>
        Path.TrimEndingDirectorySeparator(path.StartsWith("~/", StringComparison.Ordinal)
            ? Path.Combine(System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), path[2..])
            : Path.GetFullPath(path));

    /// <summary>Whether a directory is the root, a home directory, or holds one.</summary>
    internal static bool IsTooMuch(string path)
    {
        var home = System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile);
        return home.Length > 0 && (home + "/").StartsWith(path.TrimEnd('/') + "/", StringComparison.Ordinal);
    }

    private static string Bytes(long bytes)
    {
        var (size, unit) = bytes % (1 << 30) == 0 ? (bytes >> 30, "GiB") : bytes % (1 << 20) == 0 ? (bytes >> 20, "MiB")
            : (bytes, "bytes");
        return string.Create(CultureInfo.InvariantCulture, $"{size} {unit}");
    }

    private static void Check(string name, string? value, bool good, string rule)
    {
        if (!good) throw new ArgumentException($"SandboxPolicy.{name} is '{value}'; it {rule}.");
    }
}
