using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AutoResearch.Tests;

/// <summary>
/// An HTTP/1.1 server on the loopback that answers from a script: status and body, nothing at all, or a connection cut off.
/// </summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<string, int, Answer> _script;
    private readonly Task _accepting;
    private int _calls;

    public LoopbackServer(Func<string, int, Answer> script)
    {
        _script = script;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>
    /// What is sent back. A null body never comes; <c>Cut</c> closes the connection after the body, before its promised end.
    /// </summary>
    public sealed record Answer(int Status, string? Body, string ContentType = "application/json", bool Cut = false);

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public ConcurrentQueue<(string Path, string Body)> Requests { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                while (await ReadAsync(stream) is var (path, body))
                {
                    Requests.Enqueue((path, body));
                    var answer = _script(body, Interlocked.Increment(ref _calls));
                    if (answer.Body is null) await Task.Delay(Timeout.Infinite, _stop.Token);
                    var content = Encoding.UTF8.GetBytes(answer.Body!);
                    var head = $"HTTP/1.1 {answer.Status} X\r\nContent-Type: {answer.ContentType}\r\n"
                        + $"Content-Length: {content.Length + (answer.Cut ? 1000 : 0)}\r\n\r\n";
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(head), _stop.Token);
                    await stream.WriteAsync(content, _stop.Token);
                    if (answer.Cut) return;
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // the client has gone, or the test has ended
            }
        }
    }

    private async Task<(string, string)?> ReadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, _stop.Token) == 0) return null;
            head.Append((char)one[0]);
        }

        var lines = head.ToString().Split("\r\n");
        var length = lines.FirstOrDefault(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        if (length is not null)
        {
            var body = new byte[int.Parse(length.AsSpan(15), System.Globalization.CultureInfo.InvariantCulture)];
            await stream.ReadExactlyAsync(body, _stop.Token);
            return (lines[0].Split(' ')[1], Encoding.UTF8.GetString(body));
        }

        var text = new StringBuilder();
        while (true)
        {
            var size = new StringBuilder();
            while (!size.ToString().EndsWith("\r\n", StringComparison.Ordinal))
            {
                if (await stream.ReadAsync(one, _stop.Token) == 0) return null;
                size.Append((char)one[0]);
            }

            var chunk = new byte[Convert.ToInt32(size.ToString().Trim(), 16) + 2];
            await stream.ReadExactlyAsync(chunk, _stop.Token);
            if (chunk.Length == 2) return (lines[0].Split(' ')[1], text.ToString());
            text.Append(Encoding.UTF8.GetString(chunk, 0, chunk.Length - 2));
        }
    }
}
