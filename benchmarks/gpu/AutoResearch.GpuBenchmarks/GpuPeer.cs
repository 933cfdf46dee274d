using System.Diagnostics;
using System.Globalization;

namespace AutoResearch.GpuBenchmarks;

/// <summary>
/// A process that times the same work by other means: one request a line, one answer a line: <c>name=seconds; name=seconds</c>,
/// or <c>error: …</c>.
/// </summary>
internal sealed class GpuPeer : IDisposable
{
    private readonly Process? _process;

    internal GpuPeer(string command)
    {
        try
        {
            _process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec " + command])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            });
            var hello = _process?.StandardOutput.ReadLine();
            if (hello is null || !hello.StartsWith("ready", StringComparison.Ordinal))
                Missing = $"the peer did not start: {hello ?? "it ended"}";
            else Console.WriteLine($"peer: {hello["ready".Length..].Trim()}");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Missing = e.Message;
        }
    }

    /// <summary>Why there is no peer, or null.</summary>
    internal string? Missing { get; private set; }

    /// <summary>Times one piece of work; nothing when the peer cannot.</summary>
    internal List<Answer> Ask(string request)
    {
        var answers = new List<Answer>();
        if (Missing is not null || _process is null) return answers;
        _process.StandardInput.WriteLine(request);
        _process.StandardInput.Flush();
        var line = _process.StandardOutput.ReadLine();
        if (line is null)
        {
            Missing = "the peer ended";
            return answers;
        }

        foreach (var part in line.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.Split('=') is [var name, var seconds]
                && double.TryParse(seconds, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
                answers.Add(new(name, value));
            else Console.WriteLine($"peer, {request}: {part}");
        }

        return answers;
    }

    public void Dispose()
    {
        if (_process is null) return;
        try
        {
            _process.StandardInput.Close();
            if (!_process.WaitForExit(TimeSpan.FromSeconds(20))) _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It ended by itself.
        }

        _process.Dispose();
    }

    internal sealed record Answer(string Name, double Value)
    {
        internal double Seconds => Value;

        public void Deconstruct(out string name, out double seconds) => (name, seconds) = (Name, Value);
    }
}
