using System.Runtime.InteropServices;
using System.Text;

namespace AutoResearch.Kernels;

/// <summary>The run-time compiler, found by probing. Compilations may run at the same time.</summary>
internal sealed unsafe class Nvrtc
{
    private readonly nint _library;
    private readonly string _path;
    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> _create;
    private readonly delegate* unmanaged<nint*, int> _destroy;
    private readonly delegate* unmanaged<nint, int, byte**, int> _compile;
    private readonly delegate* unmanaged<nint, byte*, int> _addName;
    private readonly delegate* unmanaged<nint, byte*, byte**, int> _loweredName;
    private readonly delegate* unmanaged<nint, nuint*, int> _logSize, _cubinSize;
    private readonly delegate* unmanaged<nint, byte*, int> _log, _cubin;
    private readonly delegate* unmanaged<int, byte*> _errorString;

    internal Nvrtc(CudaLibraries libraries)
    {
        (_library, _path) = libraries.Load(CudaComponent.Nvrtc);
        int major, minor;
        _errorString = (delegate* unmanaged<int, byte*>)Find("nvrtcGetErrorString");
        Check(((delegate* unmanaged<int*, int*, int>)Find("nvrtcVersion"))(&major, &minor), "nvrtcVersion");
        Version = new(major, minor);
        if (major < 12)
        {
            throw new CudaNotFoundException(CudaComponent.Nvrtc,
                $"NVRTC {_path} has version {Version}, but 12.0 or newer is needed. "
                + $"Set {CudaSearch.Variable} to the folder of a newer one.");
        }

        _create = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Find("nvrtcCreateProgram");
        _destroy = (delegate* unmanaged<nint*, int>)Find("nvrtcDestroyProgram");
        _compile = (delegate* unmanaged<nint, int, byte**, int>)Find("nvrtcCompileProgram");
        _addName = (delegate* unmanaged<nint, byte*, int>)Find("nvrtcAddNameExpression");
        _loweredName = (delegate* unmanaged<nint, byte*, byte**, int>)Find("nvrtcGetLoweredName");
        _logSize = (delegate* unmanaged<nint, nuint*, int>)Find("nvrtcGetProgramLogSize");
        _log = (delegate* unmanaged<nint, byte*, int>)Find("nvrtcGetProgramLog");
        _cubinSize = (delegate* unmanaged<nint, nuint*, int>)Find("nvrtcGetCUBINSize");
        _cubin = (delegate* unmanaged<nint, byte*, int>)Find("nvrtcGetCUBIN");
    }

    /// <summary>Major and minor version.</summary>
    internal Version Version { get; }

    /// <summary>Compiles one translation unit to a cubin.</summary>
    internal (byte[] Cubin, string Log, Dictionary<string, string> LoweredNames) Compile(
        KernelSource source, IReadOnlyList<string> options)
    {
        using var strings = new NativeStrings();
        var headers = source.Headers.ToArray();
        nint program;
        Check(_create(&program, strings.Add(source.Text), strings.Add(source.Name), headers.Length,
            strings.Array(headers.Select(h => h.Value)), strings.Array(headers.Select(h => h.Key))), "nvrtcCreateProgram");
        try
        {
            var names = source.EntryPoints.Distinct(StringComparer.Ordinal).ToArray();
            foreach (var name in names) Check(_addName(program, strings.Add(name)), "nvrtcAddNameExpression");
            var status = _compile(program, options.Count, strings.Array(options));
            nuint size;
            Check(_logSize(program, &size), "nvrtcGetProgramLogSize");
            var logBytes = new byte[Math.Max(1, (int)size)];
            fixed (byte* p = logBytes) Check(_log(program, p), "nvrtcGetProgramLog");
            var log = Encoding.UTF8.GetString(logBytes).TrimEnd('\0', '\n');
            if (status != 0) throw Failure(source, log, status);

            var lowered = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var name in names)
            {
                byte* text;
                Check(_loweredName(program, strings.Add(name), &text), $"nvrtcGetLoweredName({name})");
                lowered[name] = Marshal.PtrToStringUTF8((nint)text)!;
            }

            Check(_cubinSize(program, &size), "nvrtcGetCUBINSize");
            var cubin = new byte[(int)size];
            fixed (byte* p = cubin) Check(_cubin(program, p), "nvrtcGetCUBIN");
            return (cubin, log, lowered);
        }
        finally
        {
            _ = _destroy(&program);
        }
    }

    private KernelCompileException Failure(KernelSource source, string log, int status)
    {
        const int shown = 5;
        var errors = CompileReport.Parse(log).Messages.Where(message => message.IsError).ToArray();
        var text = new StringBuilder($"{source.Name} does not compile ({Text(status)}, NVRTC {Version}):");
        foreach (var error in errors.Take(shown))
        {
            text.Append("\n  ").Append(error);
            if (SourceLine(source, error) is { } line) text.Append("\n    ").Append(line);
        }

        if (errors.Length > shown)
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"\n  and {errors.Length - shown} more");
        if (errors.Length == 0) text.Append("\n  ").Append(log.Length > 0 ? log : "the compiler left no message");
        return new(text.ToString(), errors, log);
    }

    private static string? SourceLine(KernelSource source, CompilerMessage message)
    {
        var text = message.File == source.Name ? source.Text : source.Headers.GetValueOrDefault(message.File);
        return text?.Split('\n').ElementAtOrDefault(message.Line - 1)?.Trim();
    }

    private void Check(int status, string call)
    {
        if (status != 0) throw new CudaException(call, status, Text(status), $"{call} failed: {Text(status)} ({status}).");
    }

    private string Text(int status) => Marshal.PtrToStringUTF8((nint)_errorString(status)) ?? "NVRTC_ERROR";

    private void* Find(string name) => NativeLibrary.TryGetExport(_library, name, out var address)
        ? (void*)address
        : throw new CudaNotFoundException(CudaComponent.Nvrtc,
            $"NVRTC {_path} has no function {name}: it is older than 12.0. "
            + $"Set {CudaSearch.Variable} to the folder of a newer one.");

    // Texts in native memory for the time of a call.
    private sealed class NativeStrings : IDisposable
    {
        private readonly List<nint> _memory = [];

        internal byte* Add(string text)
        {
            var address = Marshal.StringToCoTaskMemUTF8(text);
            _memory.Add(address);
            return (byte*)address;
        }

        internal byte** Array(IEnumerable<string> texts)
        {
            var addresses = texts.Select(text => (nint)Add(text)).ToArray();
            var array = Marshal.AllocCoTaskMem(Math.Max(1, addresses.Length) * nint.Size);
            _memory.Add(array);
            addresses.CopyTo(new Span<nint>((void*)array, addresses.Length));
            return (byte**)array;
        }

        public void Dispose()
        {
            foreach (var address in _memory) Marshal.FreeCoTaskMem(address);
        }
    }
}
