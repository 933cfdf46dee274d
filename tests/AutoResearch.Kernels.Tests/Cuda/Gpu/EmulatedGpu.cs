using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>
/// The driver, cuBLASLt and the kernels on the CPU (emulated_gpu.cpp): a whole <see cref="CudaBackend"/> runs on it, launch by
/// launch, with the library's own kernel texts.
/// </summary>
internal static unsafe class EmulatedGpu
{
    private static readonly Lazy<string> Folder = new(Prepare);
    private static readonly ConcurrentDictionary<string, Lazy<string>> Modules = new(StringComparer.Ordinal);
    private static int _count;

    /// <summary>
    /// Changes a kernel's text before it is compiled: (file, text) → text. For tests that break kernels on purpose.
    /// </summary>
    internal delegate string Edit(string file, string text);

    /// <summary>A backend on the emulated GPU.</summary>
    /// <param name="edit">Breaks a kernel, or null.</param>
    /// <param name="logitsBytes">See <see cref="CudaBackendOptions.LogitsBytes"/>.</param>
    /// <param name="deterministic">See <see cref="CudaBackendOptions.Deterministic"/>.</param>
    internal static CudaBackend Open(Edit? edit = null, long logitsBytes = 1 << 20, bool deterministic = true)
    {
        EmulatorToolchain.Require();
        var search = new CudaSearch(name => name == CudaSearch.Variable ? Folder.Value : null, root: Folder.Value,
            useLoader: false, windows: false);
        return new(new()
        {
            Device = new() { Libraries = new CudaLibraries(search) },
            LogitsBytes = logitsBytes,
            Deterministic = deterministic,
            Loader = (device, file, entries, defines) => new CudaModule(device, Image(file, entries, defines, edit)),
        });
    }

    /// <summary>Compute capability of the next device, and the seed of the schedule (0: a fixed order).</summary>
    internal static void Set(int major, int minor, ulong seed) =>
        ((delegate* unmanaged<int, int, ulong, void>)Export("gpu_set"))(major, minor, seed);

    /// <summary>Sets a global number of every loaded module that has it.</summary>
    internal static void SetInModules(string name, int value)
    {
        foreach (var module in Modules.Values.Where(m => m.IsValueCreated))
            if (NativeLibrary.TryGetExport(NativeLibrary.Load(module.Value), name, out var address)) *(int*)address = value;
    }

    /// <summary>Kernels run so far.</summary>
    internal static ulong Launches => ((delegate* unmanaged<ulong>)Export("gpu_launches"))();

    /// <summary>Makes the device usable again after a fault; what the fault was, or null.</summary>
    internal static string? Recover()
    {
        var text = stackalloc byte[4096];
        var status = ((delegate* unmanaged<byte*, int, int>)Export("gpu_recover"))(text, 4096);
        return status == 0 ? null : Marshal.PtrToStringUTF8((nint)text);
    }

    private static nint Export(string name) =>
        NativeLibrary.GetExport(NativeLibrary.Load(Path.Combine(Folder.Value, "libcuda.so.1")), name);

    private static string Prepare()
    {
        using var stream = typeof(EmulatedGpu).Assembly.GetManifestResourceStream("emulated_gpu.cpp")!;
        using var reader = new StreamReader(stream);
        var library = EmulatorToolchain.Compile("gpu", reader.ReadToEnd(), "-O3");
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(library)!, "gpu-libraries")).FullName;
        foreach (var name in (string[])["libcuda.so.1", "libcublasLt.so.12"])
            File.CreateSymbolicLink(Path.Combine(folder, name), library);
        return folder;
    }

    // ELF's mark and the path of the compiled kernels: what the emulated driver takes for a cubin.
    private static byte[] Image(
        string file, IReadOnlyList<string> entries, IReadOnlyDictionary<string, string> defines, Edit? edit)
    {
        var text = EmulatorToolchain.KernelText(file);
        var edited = edit?.Invoke(file, text) ?? text;
        var harness = new StringBuilder("#include \"emulator.h\"\n");
        foreach (var (name, value) in defines.OrderBy(d => d.Key, StringComparer.Ordinal))
            harness.Append("#define ").Append(name).Append(' ').Append(value).Append('\n');
        harness.Append(edited).Append('\n').Append(Sizes);
        foreach (var entry in entries)
            harness.Append("EMU_KERNEL(").Append(entry).Append(")\nSIZES(").Append(entry).Append(")\n");
        var source = harness.ToString();
        var path = Modules.GetOrAdd(source,
            s => new(() => EmulatorToolchain.Compile($"module{Interlocked.Increment(ref _count)}", s, "-O1"))).Value;
        return [0x7f, .. "ELF"u8, .. Encoding.UTF8.GetBytes(path), 0];
    }

    // The sizes of a kernel's parameters, which the driver reads from a cubin.
    private const string Sizes = """
        #include <map>
        #include <string>
        #include <vector>
        using Sizes = std::map<std::string, std::vector<u32>>;
        static Sizes& all_sizes() { static Sizes all; return all; }
        template <class... A> static int note_sizes(const char* name, void (*)(A...)) {
          all_sizes()[name] = {(u32)sizeof(A)...};
          return 0;
        }
        #define SIZES(name) static int sizes_##name = note_sizes(#name, name);
        extern "C" __attribute__((visibility("default"))) int kernel_sizes(const char* name, u32* sizes) {
          auto found = all_sizes().find(name);
          if (found == all_sizes().end()) return -1;
          for (size_t i = 0; i < found->second.size(); i++) sizes[i] = found->second[i];
          return (int)found->second.size();
        }

        """;
}
