using System.ComponentModel;
using System.Diagnostics;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>The contestants that could be started, and the reasons why others could not.</summary>
internal sealed class Peers : IDisposable
{
    private readonly Dictionary<Contestant, PeerProcess> _running = [];
    private readonly Dictionary<Contestant, string> _missing = [];

    private Peers()
    {
    }

    /// <summary>Command that runs the peer in Python, without its arguments; null when PyTorch is missing.</summary>
    public string? Python { get; private set; }

    /// <summary>The compiled C program; null when there is no compiler.</summary>
    public string? PlainC { get; private set; }

    public IEnumerable<string> Running => _running.Values.Select(p => p.Name);

    public IEnumerable<string> Missing => _missing.Values;

    /// <summary>Starts all that are installed.</summary>
    /// <exception cref="InvalidOperationException">Our own process does not start.</exception>
    public static async Task<Peers> StartAsync()
    {
        var peers = new Peers();
        var program = Environment.ProcessPath!;
        string[] self = Path.GetFileNameWithoutExtension(program) == "dotnet"
            ? [typeof(Peers).Assembly.Location, "cpu-serve"]
            : ["cpu-serve"];
        await peers.AddAsync(Contestant.Ours, "our own process does not start", PeerProcess.StartAsync(program, self));
        await peers.AddAsync(
            Contestant.OursAvx2, "our own process does not start without AVX-512",
            PeerProcess.StartAsync(program, self, ("DOTNET_EnableAVX512", "0")));
        if (peers._missing.Count > 0) throw new InvalidOperationException(string.Join("; ", peers._missing.Values));
        await peers.StartTorchAsync();
        await peers.StartPlainCAsync();
        return peers;
    }

    /// <summary>Takes a peer out that has failed; the rest goes on without it.</summary>
    public void Drop(Contestant contestant, string reason)
    {
        if (!_running.Remove(contestant, out var process)) return;
        _missing[contestant] = $"{process.Name} failed: {reason}";
        process.Dispose();
    }

    public PeerProcess? Get(Contestant contestant) => _running.GetValueOrDefault(contestant);

    /// <summary>The name of a contestant, or why it is missing.</summary>
    public string NameOf(Contestant contestant) =>
        _running.TryGetValue(contestant, out var peer) ? peer.Name : _missing[contestant];

    public void Dispose()
    {
        foreach (var peer in _running.Values) peer.Dispose();
    }

    private static string Source(string file) => Path.Combine(PeerResult.Root(), "benchmarks", "peers", file);

    private async Task StartTorchAsync()
    {
        // OpenBLAS makes its threads at the start, torch at each request.
        (string, string)[] environment = [("OPENBLAS_NUM_THREADS", "2"), ("OMP_NUM_THREADS", "2")];
        foreach (var python in (string[])["python3", "/usr/bin/python3"])
        {
            if (await PeerProcess.StartAsync(python, [Source("torch_gpt.py"), "serve"], environment) is not { } process) continue;
            (Python, _running[Contestant.Torch]) = (python, process);
            return;
        }

        _missing[Contestant.Torch] = "PyTorch is missing (apt-get install python3-torch libopenblas0-pthread)";
    }

    private async Task StartPlainCAsync()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "gpt-peer");
        try
        {
            using var compiler = Process.Start("cc",
                ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-w", Source("gpt.c"), "-lm", "-o", program]);
            await compiler.WaitForExitAsync();
            if (compiler.ExitCode == 0) PlainC = program;
        }
        catch (Win32Exception)
        {
            // No compiler.
        }

        await AddAsync(Contestant.PlainC, "the C program is missing (apt-get install gcc libc6-dev)",
            PlainC is null ? Task.FromResult<PeerProcess?>(null) : PeerProcess.StartAsync(PlainC, ["serve"]));
    }

    private async Task AddAsync(Contestant contestant, string missing, Task<PeerProcess?> start)
    {
        if (await start is { } process) _running[contestant] = process;
        else _missing[contestant] = missing;
    }
}
