using Microsoft.Win32.SafeHandles;

namespace AutoResearch;

/// <summary>The few things a journal does to its file; a seam for tests of full disks and failing devices.</summary>
internal interface IJournalFile : IDisposable
{
    long Length { get; }

    int Read(Span<byte> buffer, long offset);

    void Write(ReadOnlySpan<byte> bytes, long offset);

    void SetLength(long length);

    void FlushToDisk();
}

/// <summary>A file by positional reads and writes, without any buffer of its own.</summary>
internal sealed class JournalFile(SafeFileHandle handle) : IJournalFile
{
    public static IJournalFile Open(string path) =>
        new JournalFile(File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete));

    public static IJournalFile OpenRead(string path) =>
        new JournalFile(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));

    public long Length => RandomAccess.GetLength(handle);

    public int Read(Span<byte> buffer, long offset) => RandomAccess.Read(handle, buffer, offset);

    public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(handle, bytes, offset);

    public void SetLength(long length) => RandomAccess.SetLength(handle, length);

    public void FlushToDisk() => RandomAccess.FlushToDisk(handle);

    public void Dispose() => handle.Dispose();
}
