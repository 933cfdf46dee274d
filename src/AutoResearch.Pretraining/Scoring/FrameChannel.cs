using System.Buffers.Binary;
using System.Net.Sockets;

namespace AutoResearch.Pretraining;

/// <summary>
/// Frames over a socket. The buffer grows up to what the reader expects and no further, whatever the other side announces.
/// </summary>
internal sealed class FrameChannel(Socket socket) : IDisposable
{
    private readonly NetworkStream _stream = new(socket, ownsSocket: true);
    private readonly byte[] _header = new byte[ScoringProtocol.HeaderLength];
    private byte[] _content = new byte[4096];
    private int _length;

    /// <summary>The content of the frame that was read last; valid until the next one is.</summary>
    public ReadOnlySpan<byte> Content => _content.AsSpan(0, _length);

    /// <exception cref="FrameException">The frame is longer than <paramref name="limit"/>.</exception>
    /// <exception cref="EndOfStreamException">The other side is gone.</exception>
    public FrameKind Read(int limit)
    {
        _stream.ReadExactly(_header);
        var kind = Open(limit);
        _stream.ReadExactly(_content, 0, _length);
        return kind;
    }

    /// <inheritdoc cref="Read"/>
    public async ValueTask<FrameKind> ReadAsync(int limit, CancellationToken cancellationToken)
    {
        await _stream.ReadExactlyAsync(_header, cancellationToken).ConfigureAwait(false);
        var kind = Open(limit);
        await _stream.ReadExactlyAsync(_content.AsMemory(0, _length), cancellationToken).ConfigureAwait(false);
        return kind;
    }

    public void Write(FrameKind kind, ReadOnlySpan<byte> content)
    {
        Span<byte> header = stackalloc byte[ScoringProtocol.HeaderLength];
        Header(header, kind, content.Length);
        _stream.Write(header);
        if (!content.IsEmpty) _stream.Write(content);
    }

    public async ValueTask WriteAsync(FrameKind kind, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var header = new byte[ScoringProtocol.HeaderLength];
        Header(header, kind, content.Length);
        await _stream.WriteAsync(header, cancellationToken).ConfigureAwait(false);
        if (!content.IsEmpty) await _stream.WriteAsync(content, cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => _stream.Dispose();

    private static void Header(Span<byte> header, FrameKind kind, int length)
    {
        BinaryPrimitives.WriteInt32LittleEndian(header, (int)kind);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], length);
    }

    private FrameKind Open(int limit)
    {
        var (kind, length) = (BinaryPrimitives.ReadInt32LittleEndian(_header),
            BinaryPrimitives.ReadInt32LittleEndian(_header.AsSpan(4)));
        if (length < 0 || length > limit)
            throw new FrameException(
                $"a frame of kind {kind} announces {(uint)length:N0} bytes where at most {limit:N0} are expected");
        if (_content.Length < length) _content = new byte[length];
        _length = length;
        return (FrameKind)kind;
    }
}

/// <summary>What came is no frame that can be expected.</summary>
internal sealed class FrameException(string message) : Exception(message);
