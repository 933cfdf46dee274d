using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// What a step put into the stream, as a list that can be compared with that of another step and issued at any time. Values that
/// come from the host (uploads) are kept apart: they may differ from step to step. Once warm, recording allocates nothing.
/// </summary>
internal sealed unsafe class CudaCommands
{
    private const int LargestStruct = 128;

    private readonly List<Command> _commands = [];
    private readonly List<long> _words = [];
    private byte[] _uploads = [];

    private enum Kind : byte { Launch, Product, Fill, Upload }

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
        var first = _words.Count;
        foreach (ref readonly var argument in arguments)
        {
            // A struct is copied now: the caller may reuse its memory before the list is issued.
            if (argument.Location == 0)
            {
                _words.Add(argument.Bits);
                continue;
            }

            if (argument.Owner is not TensorMap)
                throw new NotSupportedException($"{function.Name}: of structs only tensor maps can be recorded; put others into device memory.");
            _words.AddRange(new ReadOnlySpan<long>((void*)argument.Location, LargestStruct / sizeof(long)));
        }

        var structs = 0UL;
        for (var i = 0; i < arguments.Length; i++)
            if (arguments[i].Location != 0) structs |= 1UL << i;
        _commands.Add(new(Kind.Launch, function, launch, first, _words.Count - first, structs));
    }

    internal void Product(CudaProduct product, nint a, nint b, nint c, nint d)
    {
        var first = _words.Count;
        _words.AddRange([a, b, c, d]);
        _commands.Add(new(Kind.Product, product, default, first, 4, 0));
    }

    internal void Fill(nint address, uint value, int width, long count)
    {
        var first = _words.Count;
        _words.AddRange([address, value, width, count]);
        _commands.Add(new(Kind.Fill, null, default, first, 4, 0));
    }

    internal void Upload(ReadOnlySpan<byte> source, nint destination)
    {
        var start = (UploadBytes + 63) / 64 * 64;
        if (_uploads.Length < start + source.Length) Array.Resize(ref _uploads, Math.Max(start + source.Length, _uploads.Length * 2));
        source.CopyTo(_uploads.AsSpan(start));
        UploadBytes = start + source.Length;
        var first = _words.Count;
        _words.AddRange([destination, start, source.Length]);
        _commands.Add(new(Kind.Upload, null, default, first, 3, 0));
    }

    /// <summary>Whether both lists do the same, up to the content of uploads.</summary>
    internal bool Same(CudaCommands other) =>
        CollectionsMarshal.AsSpan(_commands).SequenceEqual(CollectionsMarshal.AsSpan(other._commands))
        && CollectionsMarshal.AsSpan(_words).SequenceEqual(CollectionsMarshal.AsSpan(other._words));

    /// <summary>Puts everything into a stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="uploads">Page-locked memory with the content of <see cref="Uploads"/>; must stay until the work is done.</param>
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
        var memory = stackalloc byte[(8 * LargestStruct) + LargestStruct];
        var next = (byte*)(((nint)memory + LargestStruct - 1) / LargestStruct * LargestStruct);
        var count = 0;
        var arguments = new Arguments();
        for (var i = 0; i < words.Length; count++)
        {
            if ((command.Structs >> count & 1) == 0)
            {
                arguments[count] = (KernelArgument)words[i++];
                continue;
            }

            words.Slice(i, LargestStruct / sizeof(long)).CopyTo(new Span<long>(next, LargestStruct / sizeof(long)));
            arguments[count] = KernelArgument.Struct(next);
            next += LargestStruct;
            i += LargestStruct / sizeof(long);
        }

        ((CudaFunction)command.Target!).Launch(stream, command.LaunchShape, arguments[..count]);
    }

    private readonly record struct Command(Kind Kind, object? Target, CudaLaunch LaunchShape, int First, int Words, ulong Structs);

    [InlineArray(64)]
    private struct Arguments
    {
        private KernelArgument _first;
    }
}
