using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace AutoResearch;

/// <summary>
/// Everything that a program has started, and its end. On Linux the members are found in <c>/proc</c>: the program's session,
/// its descendants, those that were seen as descendants before, and every process that inherited its marker, so that a daemon
/// that left the session is found too. Elsewhere only the descendants that the system knows of are.
/// </summary>
internal sealed class ProcessTree(Process root, string marker, bool isNamespace = false)
{
    private const int SigTerm = 15;
    private const int SigKill = 9;
    private const int TicksPerSecond = 100; // USER_HZ, the same on all systems that .NET runs on
    private readonly byte[] _marker = Encoding.ASCII.GetBytes(marker);
    private readonly int _root = root.Id;
    private readonly Dictionary<int, ulong> _known = []; // start times tell a process from a later one with its number

    /// <summary>
    /// Processor time of all members, as of the last look, and of the children that they waited for; zero
    /// where that is not known.
    /// </summary>
    public TimeSpan CpuTime { get; private set; }

    /// <summary>Processes and threads, as of the last look.</summary>
    public int Tasks { get; private set; }

    /// <summary>
    /// Looks who is there, and returns the memory they use, in bytes; 0 where that is not known. A page that several share counts
    /// in parts (proportional set size), so that workers forked from one loaded program do not count it several times.
    /// </summary>
    public long Observe() => OperatingSystem.IsLinux() ? Members().Sum(m => ProportionalMemory(m.Id) ?? m.Memory) : 0;

    /// <summary>Ends all: asks, waits for the grace, kills, and looks again until nobody is left.</summary>
    public async Task KillAsync(TimeSpan grace)
    {
        if (!OperatingSystem.IsLinux())
        {
            KillRoot(entireTree: true);
            return;
        }
        var start = Stopwatch.GetTimestamp();
        if (grace > TimeSpan.Zero)
        {
            foreach (var member in Asked()) _ = Kill(member.Id, SigTerm);
            while (Stopwatch.GetElapsedTime(start) < grace && Asked().Any()) await Task.Delay(20).ConfigureAwait(false);
        }

        if (isNamespace) KillRoot(entireTree: false); // the kernel does the rest
        // A process that forks while it is being killed is met in the next round.
        for (var round = 0; round < 500; round++)
        {
            var members = Members();
            if (members.Count == 0) return;
            foreach (var member in members) _ = Kill(member.Id, SigKill);
            await Task.Delay(10).ConfigureAwait(false);
        }
    }

    private void KillRoot(bool entireTree)
    {
        try
        {
            root.Kill(entireTree);
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception or AggregateException)
        {
            // already gone
        }
    }

    private List<Member> Members()
    {
        var all = new Dictionary<int, Member>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && Member.TryRead(id) is { } member) all.Add(id, member);
        }
        var found = new Dictionary<int, Member>();
        foreach (var member in all.Values)
        {
            if (member.Session == _root || member.Id == _root || IsKnown(member) || DescendsFrom(member, all)
                || HasMarker(member.Id))
                found.Add(member.Id, member);
        }
        lock (_known)
        {
            foreach (var member in found.Values) _known[member.Id] = member.StartTime;
        }
        var time = TimeSpan.FromSeconds(found.Values.Sum(m => (double)m.Ticks) / TicksPerSecond);
        if (time > CpuTime) CpuTime = time;
        Tasks = found.Values.Sum(m => m.Threads);
        return [.. found.Values.Where(m => !m.IsZombie)];
    }

    // With its first process a namespace ends at once, and nobody in it would have heard the request.
    private IEnumerable<Member> Asked() => Members().Where(m => !isNamespace || IsInside(m.Id));

    /// <summary>Whether a process lives in a pid namespace below ours, and is not its first one.</summary>
    private static bool IsInside(int id)
    {
        try
        {
            var line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/status"))
                .FirstOrDefault(l => l.StartsWith("NSpid:", StringComparison.Ordinal));
            return line?.Split('\t', StringSplitOptions.RemoveEmptyEntries) is { Length: > 2 } numbers
                && numbers[^1].Trim() != "1";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended meanwhile
        }
    }

    private static long? ProportionalMemory(int id)
    {
        try
        {
            foreach (var line in File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/smaps_rollup")))
            {
                if (line.StartsWith("Pss:", StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(4).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) * 1024;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            // another user's, or it has ended meanwhile
        }
        return null;
    }

    private bool IsKnown(Member member)
    {
        lock (_known) return _known.TryGetValue(member.Id, out var start) && start == member.StartTime;
    }

    private bool DescendsFrom(Member member, Dictionary<int, Member> all)
    {
        for (var depth = 0; depth < 64 && all.TryGetValue(member.Parent, out var parent); depth++, member = parent)
        {
            if (parent.Id == _root || IsKnown(parent)) return true;
        }
        return false;
    }

    private bool HasMarker(int id)
    {
        try
        {
            return File.ReadAllBytes(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/environ")).AsSpan()
                .IndexOf(_marker) >= 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
#pragma warning disable SYSLIB1054 // two integers need no generated marshalling, and the project no unsafe code
    private static extern int Kill(int id, int signal);
#pragma warning restore SYSLIB1054

    /// <summary>One line of the process table.</summary>
    private readonly record struct Member(
        int Id, int Parent, int Session, ulong StartTime, long Memory, long Ticks, int Threads, bool IsZombie)
    {
        public static Member? TryRead(int id)
        {
            try
            {
                // The name in parentheses may hold anything; the fields after the last one are numbers.
                var text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
                var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
                return new Member(
                    id, int.Parse(fields[1], CultureInfo.InvariantCulture), int.Parse(fields[3], CultureInfo.InvariantCulture),
                    ulong.Parse(fields[19], CultureInfo.InvariantCulture),
                    long.Parse(fields[21], CultureInfo.InvariantCulture) * Environment.SystemPageSize,
                    fields[11..15].Sum(f => long.Parse(f, CultureInfo.InvariantCulture)),
                    int.Parse(fields[17], CultureInfo.InvariantCulture), fields[0] is "Z" or "X");
            }
            catch (Exception e)
                when (e is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
            {
                return null; // it has ended meanwhile
            }
        }
    }
}
