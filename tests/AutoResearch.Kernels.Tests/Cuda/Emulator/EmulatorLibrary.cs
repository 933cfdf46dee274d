using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>How a launch ended.</summary>
internal enum EmulatorStatus
{
    /// <summary>Every thread of every block returned.</summary>
    Ran = 0,

    /// <summary>The library has no such kernel.</summary>
    NoSuchKernel = 1,

    /// <summary>The emulator saw a fault (deadlock, bounds, protocol); the message says which.</summary>
    Stopped = 2,

    /// <summary>A wild access to memory.</summary>
    Signal = 3,

    /// <summary>No end within the time limit.</summary>
    TimedOut = 4,
}

/// <summary>Status and message of one launch.</summary>
internal readonly record struct EmulatorResult(EmulatorStatus Status, string Message)
{
    /// <summary>Fails the test unless the launch ran to its end.</summary>
    internal void Check() => Assert.True(Status == EmulatorStatus.Ran, $"{Status}: {Message}");
}

/// <summary>Kernels compiled for the emulator; launched by name with the arguments that cuLaunchKernel would get.</summary>
internal sealed unsafe class EmulatorLibrary
{
    private static readonly ConcurrentDictionary<string, Lazy<EmulatorLibrary>> Compiled = new();
    private static int _count;

    private readonly delegate* unmanaged<Request*, int> _run;
    private readonly nint _handle;

    private EmulatorLibrary(string path)
    {
        _handle = NativeLibrary.Load(path);
        _run = (delegate* unmanaged<Request*, int>)NativeLibrary.GetExport(_handle, "emu_run");
    }

    /// <summary>
    /// Compiles one kernel text: <paramref name="defines"/> such as <c>HEAD_DIM=64</c>, then the text (a file of
    /// src/AutoResearch.Kernels/Cuda/Kernels, or a changed copy of one), then the registration of the kernels. Cached by content.
    /// </summary>
    internal static EmulatorLibrary Compile(
        string text, IEnumerable<string> defines, IEnumerable<string> kernels, string optimize = "-O1")
    {
        var harness = new StringBuilder("#include \"emulator.h\"\n");
        foreach (var define in defines) harness.Append("#define ").Append(define.Replace('=', ' ')).Append('\n');
        harness.Append(text).Append('\n');
        foreach (var kernel in kernels) harness.Append("EMU_KERNEL(").Append(kernel).Append(")\n");
        var source = harness.ToString();
        return Compiled.GetOrAdd(source + optimize, _ => new Lazy<EmulatorLibrary>(() =>
            new EmulatorLibrary(EmulatorToolchain.Compile($"kernel{Interlocked.Increment(ref _count)}", source, optimize))))
            .Value;
    }

    /// <summary>
    /// Launches a kernel in a child process. Seed 0: fixed order and everything as late as possible; others: random.
    /// </summary>
    /// <param name="kernel">Its name.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads of a block.</param>
    /// <param name="sharedBytes">Dynamic shared memory.</param>
    /// <param name="arguments">Pointers to the kernel's parameters.</param>
    /// <param name="seed">Schedule.</param>
    /// <param name="timeoutSeconds">Limit.</param>
    internal EmulatorResult Launch(
        string kernel, (int X, int Y, int Z) grid, (int X, int Y, int Z) block, int sharedBytes, ReadOnlySpan<nint> arguments,
        ulong seed = 0,
        int timeoutSeconds = 60)
    {
        var name = Encoding.UTF8.GetBytes(kernel + '\0');
        var message = new byte[2048];
        fixed (byte* namePointer = name, messagePointer = message)
        fixed (nint* argumentPointer = arguments)
        {
            var request = new Request
            {
                Kernel = namePointer, Shared = (uint)sharedBytes, Timeout = (uint)timeoutSeconds * 1000, Seed = seed,
                Arguments = argumentPointer, Message = messagePointer, MessageSize = (uint)message.Length,
                Memory = EmulatorMemory.Regions,
            };
            (request.Grid[0], request.Grid[1], request.Grid[2]) = ((uint)grid.X, (uint)grid.Y, (uint)grid.Z);
            (request.Block[0], request.Block[1], request.Block[2]) = ((uint)block.X, (uint)block.Y, (uint)block.Z);
            var status = (EmulatorStatus)_run(&request);
            return new(status, Encoding.UTF8.GetString(message, 0, Array.IndexOf(message, (byte)0)));
        }
    }

    /// <summary>Address of an exported function of the emulator.</summary>
    internal nint Export(string name) => NativeLibrary.GetExport(_handle, name);

    private struct Request
    {
        internal byte* Kernel;
        internal fixed uint Grid[3];
        internal fixed uint Block[3];
        internal uint Shared, Timeout;
        internal ulong Seed;
        internal nint* Arguments;
        internal byte* Message;
        internal uint MessageSize, InProcess;
        internal nint Memory;
    }
}
