using System.Runtime.InteropServices;
using System.Text;

namespace AutoResearch.Kernels;

/// <summary>
/// Finds and loads CUDA's native libraries: first what the environment variables AUTORESEARCH_CUDA_PATH, CUDA_PATH and CUDA_HOME
/// name, then what the system's loader finds, then CUDA toolkits, system folders, PyTorch's Python packages and TorchSharp's
/// packages. Libraries stay loaded until the process ends. Thread-safe.
/// </summary>
public sealed class CudaLibraries
{
    private readonly CudaSearch _search;
    private readonly Lock _gate = new();
    private readonly Dictionary<CudaComponent, (nint Handle, string Path)> _loaded = [];
    private CudaDriver? _driver;

    internal CudaLibraries(CudaSearch search) => _search = search;

    /// <summary>The libraries of this machine.</summary>
    public static CudaLibraries Machine { get; } = new(CudaSearch.Machine);

    /// <summary>Where a library was found, or null when it is missing or cannot be loaded. Loads it.</summary>
    /// <param name="component">The library.</param>
    /// <returns>Its path, or its bare name when the system's loader found it.</returns>
    public string? Find(CudaComponent component)
    {
        try
        {
            return Load(component).Path;
        }
        catch (CudaNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Loads a library.</summary>
    /// <param name="component">The library.</param>
    /// <returns>Its handle and where it was found.</returns>
    /// <exception cref="CudaNotFoundException">It is missing; the message lists where was looked.</exception>
    internal (nint Handle, string Path) Load(CudaComponent component)
    {
        lock (_gate)
        {
            if (_loaded.TryGetValue(component, out var known)) return known;
            var looked = new List<string>();
            var driver = component == CudaComponent.Driver ? 0 : DriverVersion();
            var names = _search.Names(component, driver);
            var found = TryFolders(component, names, _search.Named(), looked)
                ?? TryLoader(names, looked)
                ?? TryFolders(component, names, _search.Usual(), looked)
                ?? throw Missing(component, names, looked);
            _loaded.Add(component, found);
            return found;
        }
    }

    /// <summary>The driver's entry points.</summary>
    /// <exception cref="CudaNotFoundException">There is no driver, or it is too old.</exception>
    internal CudaDriver Driver()
    {
        lock (_gate)
        {
            if (_driver is not null) return _driver;
            var (handle, path) = Load(CudaComponent.Driver);
            return _driver = new CudaDriver(handle, path);
        }
    }

    // A library newer than the driver may make code that the driver cannot run. Without a driver any will do.
    private int DriverVersion()
    {
        try
        {
            return Driver().Version;
        }
        catch (CudaNotFoundException)
        {
            return 0;
        }
    }

    private (nint, string)? TryLoader(string[] names, List<string> looked)
    {
        if (!_search.UsesLoader) return null;
        looked.Add("the system's own search (LD_LIBRARY_PATH, ldconfig, PATH)");
        foreach (var name in names)
        {
            if (NativeLibrary.TryLoad(name, out var handle)) return (handle, name);
        }

        return null;
    }

    private (nint, string)? TryFolders(CudaComponent component, string[] names, IEnumerable<string> places, List<string> looked)
    {
        var pattern = _search.Pattern(component);
        foreach (var place in places.Distinct(StringComparer.Ordinal))
        {
            if (File.Exists(place))
            {
                // A file named in the environment; it serves the component whose name it bears.
                if (names.Any(name => Path.GetFileName(place).StartsWith(Stem(name), StringComparison.Ordinal))
                    && TryFile(place, looked) is { } named)
                    return named;
                continue;
            }

            if (!Directory.Exists(place)) continue;
            looked.Add(place);
            var files = names.Select(name => Path.Combine(place, name)).Where(File.Exists);
            if (pattern is not null) files = files.Concat(Directory.EnumerateFiles(place, pattern));
            foreach (var file in files)
            {
                if (TryFile(file, looked) is { } found) return found;
            }
        }

        return null;
    }

    private static string Stem(string name) => name.Split('.', '6')[0];

    private static (nint, string)? TryFile(string path, List<string> looked)
    {
        // NVRTC opens its built-in headers by bare name. Where the folder is not on the search path that works only if they
        // are loaded already.
        foreach (var builtins in Siblings(path, "libnvrtc-builtins*.so*")) NativeLibrary.TryLoad(builtins, out _);
        try
        {
            return (NativeLibrary.Load(path), path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            looked.Add($"{path} (found, but it cannot be loaded: {e.Message.ReplaceLineEndings(" ")})");
            return null;
        }
    }

    private static string[] Siblings(string path, string pattern) =>
        Path.GetFileName(path).StartsWith("libnvrtc", StringComparison.Ordinal)
            ? Directory.GetFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, pattern)
            : [];

    private static CudaNotFoundException Missing(CudaComponent component, string[] names, List<string> looked)
    {
        var message = new StringBuilder();
        message.Append(component switch
        {
            CudaComponent.Driver => "The CUDA driver was not found",
            CudaComponent.Nvrtc => "NVRTC, the run-time compiler of CUDA, was not found",
            _ => "cuBLASLt, NVIDIA's matrix multiplication, was not found",
        });
        message.Append(" (").AppendJoin(", ", names).Append("). ");
        message.Append(component switch
        {
            CudaComponent.Driver =>
                "It comes with the NVIDIA display driver, 525 or newer; in a container, "
                + "start it with its GPUs (docker run --gpus all). ",
            CudaComponent.Nvrtc =>
                "It comes with any CUDA toolkit, "
                + "with PyTorch (pip install nvidia-cuda-nvrtc-cu12) and with TorchSharp-cuda-linux. ",
            _ => "It comes with any CUDA toolkit, with PyTorch (pip install nvidia-cublas-cu12) and with TorchSharp-cuda-linux. ",
        });
        message.Append("If it is installed elsewhere, set ").Append(CudaSearch.Variable).Append(" to its folder. Looked in:");
        foreach (var place in looked) message.Append("\n  ").Append(place);
        if (looked.Count == 0) message.Append("\n  no folder: none of the usual ones exists");
        return new(component, message.ToString());
    }
}
