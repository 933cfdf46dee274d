using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace AutoResearch;

/// <summary>
/// Runs git. Neither hooks, nor file-system monitors, nor configuration of the user or the system take part, so that nothing a
/// candidate could have planted is executed.
/// </summary>
internal sealed class GitCommand(string git, string directory)
{
    private static readonly string[] s_safe =
    [
        "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "-c",
        "core.autocrlf=false", "-c", "protocol.allow=never", "-c", "commit.gpgSign=false", "-c", "gc.auto=0", "-c",
        "core.sshCommand=false", "-c", "advice.detachedHead=false", "-c", "core.quotePath=false",
    ];

    /// <summary>Standard output of a command that must succeed, without the last line end.</summary>
    /// <exception cref="WorkspaceException">It failed; the message holds what git said.</exception>
    public async Task<string> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken, string? input = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var (code, output, error) = await TryAsync(arguments, cancellationToken, input, environment).ConfigureAwait(false);
        return code == 0
            ? output.TrimEnd('\n')
            : throw new WorkspaceException($"git {string.Join(' ', arguments)} failed in '{directory}' with exit code {code}: "
                + $"{(error.Length > 0 ? error : output).Trim()}");
    }

    public async Task<(int Code, string Output, string Error)> TryAsync(
        IReadOnlyList<string> arguments, CancellationToken cancellationToken,
        string? input = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = new Process { StartInfo = Prepare(arguments, environment) };
        try
        {
            process.Start();
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            throw new WorkspaceException(
                $"The program '{git}' could not be started: {e.Message}. Install git, or set GitWorkspaceOptions.Git.", e);
        }

        try
        {
            var reading = Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancellationToken),
                process.StandardError.ReadToEndAsync(cancellationToken));
            await process.StandardInput.WriteAsync((input ?? "").AsMemory(), cancellationToken).ConfigureAwait(false);
            process.StandardInput.Close();
            var texts = await reading.ConfigureAwait(false);
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
            return (process.ExitCode, texts[0], texts[1]);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private ProcessStartInfo Prepare(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        var info = new ProcessStartInfo(git)
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = utf8,
            StandardOutputEncoding = utf8,
            StandardErrorEncoding = utf8,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        foreach (var argument in s_safe.Concat(arguments)) info.ArgumentList.Add(argument);
        foreach (var name in info.Environment.Keys.Where(k => k.StartsWith("GIT_", StringComparison.OrdinalIgnoreCase)).ToArray())
            info.Environment.Remove(name);
        info.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        info.Environment["GIT_CONFIG_GLOBAL"] = OperatingSystem.IsWindows() ? "NUL" : "/dev/null";
        info.Environment["GIT_TERMINAL_PROMPT"] = "0";
        info.Environment["GIT_OPTIONAL_LOCKS"] = "0";
        info.Environment["LC_ALL"] = "C";
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) info.Environment[name] = value;
        return info;
    }
}
