using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>
/// A contestant that lives for the whole run: one request a line, "case integers threads seconds", one answer a line, the seconds
/// of one call. While another contestant computes, it waits for its next line and takes no processor time.
/// </summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly Process _process;

    private PeerProcess(Process process, string name) => (_process, Name) = (process, name);

    /// <summary>What the process calls itself, version included.</summary>
    public string Name { get; }

    /// <summary>Starts a contestant.</summary>
    /// <returns>Null when the program is not there, or ends without its greeting: it then counts as missing.</returns>
    public static async Task<PeerProcess?> StartAsync(
        string program, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        Process? process;
        try
        {
            process = Process.Start(start);
        }
        catch (Win32Exception)
        {
            return null;
        }

        process!.ErrorDataReceived += static (_, _) => { }; // a full pipe would block it
        process.BeginErrorReadLine();
        if (await process.StandardOutput.ReadLineAsync() is { Length: > 0 } name1) return new PeerProcess(process, name1);
        process.Dispose();
        return null;
    }

    /// <summary>Seconds of one call, or null when the contestant has no such case.</summary>
    /// <exception cref="InvalidOperationException">It ended or answered nonsense.</exception>
    public async Task<double?> MeasureAsync(string request, double seconds)
    {
        await _process.StandardInput.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{request} {seconds}"));
        await _process.StandardInput.FlushAsync();
        var answer = await _process.StandardOutput.ReadLineAsync();
        if (answer == "unsupported") return null;
        return double.TryParse(answer, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : throw new InvalidOperationException($"{Name} answered '{answer ?? "nothing: it has ended"}' to '{request}'.");
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
            if (!_process.WaitForExit(2000)) _process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or Win32Exception)
        {
            // It is gone already.
        }

        _process.Dispose();
    }
}
