using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// What a step put into the stream, as a list that can be compared with that of another step and issued at any time. Values that
/// come from the host (uploads) are kept apart: they may differ from step to step. Once warm, recording allocates nothing.
/// </summary>
internal sealed unsafe class CudaCommands
{
    private const int MostArguments = 64;
    private const int StructAlignment = 128;

    private readonly List<Command> _commands = [];
    private readonly List<long> _words = [];
    private byte[] _uploads = [];

    private enum Kind : byte { Launch, LaunchStruct, Product, Fill, Upload }

    /// <summary>Number of operations.</summary>
    internal int Count => _commands.Count;

    /// <summary>Bytes that go from the host to the device.</summary>
    internal int UploadBytes { get; private set; }

    internal ReadOnlySpan<byte> Uploads => _uploads.AsSpan(0, UploadBytes);

    internal void Clear()
    {
        _commands.Clear();
        _words.Clear();
        UploadBytes = 0;
    }

    internal void Launch(CudaFunction function, in CudaLaunch launch, ReadOnlySpan<KernelArgument> arguments)
    {
        if (arguments.Length > MostArguments)
            throw new ArgumentException($"{function.Name} has more than {MostArguments} arguments.", nameof(arguments));
        var first = _words.Count;
        foreach (ref readonly var argument in arguments)
        {
            if (argument.Location != 0)
                throw new NotSupportedException($"{function.Name}: a struct beside other arguments cannot be recorded.");
            _words.Add(argument.Bits);
        }

        _commands.Add(new(Kind.Launch, function, launch, first, arguments.Length));
    }

    // One struct by value, copied now: the caller may reuse its memory before the list is issued.
    internal void Launch(CudaFunction function, in CudaLaunch launch, void* parameters, int bytes)
    {
        var (first, words) = (_words.Count, (bytes + 7) / 8);
        CollectionsMarshal.SetCount(_words, first + words);
        var target = CollectionsMarshal.AsSpan(_words).Slice(first, words);
        target[^1] = 0;
        new ReadOnlySpan<byte>(parameters, bytes).CopyTo(MemoryMarshal.AsBytes(target));
        _commands.Add(new(Kind.LaunchStruct, function, launch, first, words));
    }

    internal void Product(CudaProduct product, nint a, nint b, nint c, nint d)
    {
        var first = _words.Count;
        _words.AddRange([a, b, c, d]);
        _commands.Add(new(Kind.Product, product, default, first, 4));
    }

    internal void Fill(nint address, uint value, int width, long count)
    {
        var first = _words.Count;
        _words.AddRange([address, value, width, count]);
        _commands.Add(new(Kind.Fill, null, default, first, 4));
    }

    internal void Upload(ReadOnlySpan<byte> source, nint destination)
    {
        var start = (UploadBytes + 63) / 64 * 64;
        if (_uploads.Length < start + source.Length)
            Array.Resize(ref _uploads, Math.Max(start + source.Length, _uploads.Length * 2));
        source.CopyTo(_uploads.AsSpan(start));
        UploadBytes = start + source.Length;
        var first = _words.Count;
        _words.AddRange([destination, start, source.Length]);
        _commands.Add(new(Kind.Upload, null, default, first, 3));
    }

    /// <summary>Whether both lists do the same, up to the content of uploads.</summary>
    internal bool Same(CudaCommands other) =>
        CollectionsMarshal.AsSpan(_commands).SequenceEqual(CollectionsMarshal.AsSpan(other._commands))
        && CollectionsMarshal.AsSpan(_words).SequenceEqual(CollectionsMarshal.AsSpan(other._words));

    /// <summary>Puts everything into a stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="uploads">Page-locked memory with the content of <see cref="Uploads"/>; must stay until the
    /// work is done.</param>
    internal void Issue(CudaStream stream, nint uploads)
    {
        foreach (ref readonly var command in CollectionsMarshal.AsSpan(_commands))
        {
            var words = CollectionsMarshal.AsSpan(_words).Slice(command.First, command.Words);
            switch (command.Kind)
            {
                case Kind.Launch:
                    Launch(stream, command, words);
                    break;
                case Kind.LaunchStruct:
                    LaunchStruct(stream, command, words);
                    break;
                case Kind.Product:
                    ((CudaProduct)command.Target!).Run(stream, (nint)words[0], (nint)words[1], (nint)words[2], (nint)words[3]);
                    break;
                case Kind.Fill:
                    Fill(stream, (nint)words[0], (uint)words[1], (int)words[2], words[3]);
                    break;
                default:
                    stream.CopyFromHostAsync((void*)(uploads + (nint)words[1]), (nint)words[0], words[2]);
                    break;
            }
        }
    }

    internal static void Fill(CudaStream stream, nint address, uint value, int width, long count)
    {
        if (width == 4) stream.Fill32(address, value, count);
        else if (width == 2) stream.Fill16(address, (ushort)value, count);
        else stream.Fill8(address, (byte)value, count);
    }

    private static void Launch(CudaStream stream, in Command command, ReadOnlySpan<long> words)
    {
        var arguments = new Arguments();
        for (var i = 0; i < words.Length; i++) arguments[i] = words[i];
        ((CudaFunction)command.Target!).Launch(stream, command.Shape, arguments[..words.Length]);
    }

    private static void LaunchStruct(CudaStream stream, in Command command, ReadOnlySpan<long> words)
    {
        var memory = stackalloc byte[(words.Length * sizeof(long)) + StructAlignment];
        var aligned = (byte*)(((nint)memory + StructAlignment - 1) / StructAlignment * StructAlignment);
        words.CopyTo(new Span<long>(aligned, words.Length));
        ((CudaFunction)command.Target!).Launch(stream, command.Shape, KernelArgument.Struct(aligned));
    }

    private readonly record struct Command(Kind Kind, object? Target, CudaLaunch Shape, int First, int Words);

    [InlineArray(MostArguments)]
    private struct Arguments
    {
        private KernelArgument _first;
    }
}
