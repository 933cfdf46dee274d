namespace AutoResearch;

/// <summary>Asks at a terminal, one request at a time: y or n, then a reason.</summary>
public sealed class ConsoleApprovalGate : IApprovalGate, IDisposable
{
    private readonly TextReader _input;
    private readonly TextWriter _output;
    private readonly string _name;
    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>Creates a gate.</summary>
    /// <param name="input">Where answers are read from, normally <c>Console.In</c>.</param>
    /// <param name="output">Where requests are written to, normally <c>Console.Out</c>.</param>
    /// <param name="name">Who sits there, for the journal; null for the name of the system's user.</param>
    public ConsoleApprovalGate(TextReader input, TextWriter output, string? name = null)
    {
        _input = input ?? throw new ArgumentNullException(nameof(input));
        _output = output ?? throw new ArgumentNullException(nameof(output));
        _name = name ?? Environment.UserName;
    }

    /// <summary>Frees what belongs to the gate; reader and writer are the caller's.</summary>
    public void Dispose() => _gate.Dispose();

    /// <inheritdoc/>
    /// <exception cref="EndOfStreamException">The input has ended: nobody can answer.</exception>
    public async Task<ApprovalAnswer> AskAsync(ApprovalRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _output.WriteAsync(ApprovalText.Of(request).AsMemory(), cancellationToken).ConfigureAwait(false);
            while (true)
            {
                await WriteAsync("[y]es or [n]o, and why: ").ConfigureAwait(false);
                var line = await _input.ReadLineAsync(cancellationToken).ConfigureAwait(false)
                    ?? throw new EndOfStreamException(
                        "The input has ended, so nobody can approve anything. Use FileApprovalGate where there is no terminal.");
                var parts = line.Trim().Split(' ', 2, StringSplitOptions.TrimEntries);
                var reason = parts.Length > 1 ? parts[1] : "";
                if (parts[0].ToUpperInvariant() is "Y" or "YES") return new(true, _name, reason);
                if (parts[0].ToUpperInvariant() is "N" or "NO") return new(false, _name, reason);
            }
        }
        finally
        {
            _gate.Release();
        }

        async Task WriteAsync(string text)
        {
            await _output.WriteAsync(text.AsMemory(), cancellationToken).ConfigureAwait(false);
            await _output.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
