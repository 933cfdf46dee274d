using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AutoResearch;

/// <summary>
/// A part of a snapshot: <c>magic(8) length(4) sha256(32) body</c>, the body being both positions in the journal (sequence and
/// offset, chain hash), the SHA-256 of the journal's bytes between them, and the events.
/// </summary>
/// <param name="Start">Where its stretch of the journal begins.</param>
/// <param name="End">Where it ends.</param>
/// <param name="Digest">SHA-256 of the journal's bytes in between.</param>
/// <param name="Payload">The events, as <see cref="SnapshotEncoder"/> writes them.</param>
internal sealed record SnapshotSegment(JournalPosition Start, JournalPosition End, byte[] Digest, ReadOnlyMemory<byte> Payload)
{
    private const int HeadLength = 8 + 4 + 32;
    private const int PositionLength = 8 + 8 + 64;
    private const int BodyStart = PositionLength + PositionLength + 32;

    // Another format gets another magic, and is then ignored by versions that do not know it.
    private static ReadOnlySpan<byte> Magic => "ARSNAP01"u8;

    public byte[] ToBytes()
    {
        var bytes = new byte[HeadLength + BodyStart + Payload.Length];
        var body = bytes.AsSpan(HeadLength);
        Write(Start, body);
        Write(End, body[PositionLength..]);
        Digest.CopyTo(body[(2 * PositionLength)..]);
        Payload.Span.CopyTo(body[BodyStart..]);
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), body.Length);
        SHA256.HashData(body, bytes.AsSpan(12));
        return bytes;
    }

    /// <summary>Reads the segment at an offset; null with the problem when it is not whole and unchanged.</summary>
    public static SnapshotSegment? Read(IJournalFile file, long offset, out int length, out string? problem)
    {
        (length, problem) = (0, null);
        Span<byte> head = stackalloc byte[HeadLength];
        if (!Fill(file, head, offset) || !head.StartsWith(Magic))
        {
            problem = "it is not a snapshot of this version.";
            return null;
        }
        var size = BinaryPrimitives.ReadInt32LittleEndian(head[8..]);
        if (size < BodyStart || size > file.Length - offset - HeadLength)
        {
            problem = "it is cut off.";
            return null;
        }
        var body = new byte[size];
        if (!Fill(file, body, offset + HeadLength) || !SHA256.HashData(body).AsSpan().SequenceEqual(head[12..]))
        {
            problem = "it is damaged.";
            return null;
        }
        length = HeadLength + size;
        return new(Position(body), Position(body.AsSpan(PositionLength)), body[(2 * PositionLength)..BodyStart],
            body.AsMemory(BodyStart));
    }

    private static void Write(JournalPosition position, Span<byte> to)
    {
        BinaryPrimitives.WriteInt64LittleEndian(to, position.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], position.Offset);
        Encoding.ASCII.GetBytes(position.Hash, to[16..]);
    }

    private static JournalPosition Position(ReadOnlySpan<byte> from) => new(
        BinaryPrimitives.ReadInt64LittleEndian(from), Encoding.ASCII.GetString(from.Slice(16, 64)),
        BinaryPrimitives.ReadInt64LittleEndian(from[8..]));

    private static bool Fill(IJournalFile file, Span<byte> to, long offset)
    {
        while (to.Length > 0)
        {
            var read = file.Read(to, offset);
            if (read <= 0) return false;
            to = to[read..];
            offset += read;
        }
        return true;
    }
}
