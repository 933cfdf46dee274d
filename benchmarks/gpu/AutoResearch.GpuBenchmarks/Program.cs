using AutoResearch.GpuBenchmarks;
using AutoResearch.Kernels;

// gpu-benchmarks check [--repeats 1000]    every operation against float64, bit equality of repeats
// gpu-benchmarks small                     every operation once on small shapes, for compute-sanitizer
// gpu-benchmarks time [--rounds 5] [--peer "python3 torch_gpu.py"] [--out h200.json]
try
{
    using var cuda = new CudaBackend();
    Console.WriteLine(
        $"{cuda.Device}\ncompute capability {cuda.Device.ComputeCapability}, kernels for {cuda.Device.Architecture}");
    return args.Length == 0 ? Usage() : args[0] switch
    {
        "check" => GpuCheck.Run(cuda, int.Parse(Option("--repeats", "1000"), System.Globalization.CultureInfo.InvariantCulture)),
        "small" => GpuCheck.Small(cuda),
        "time" => GpuTimings.Run(cuda, int.Parse(Option("--rounds", "5"), System.Globalization.CultureInfo.InvariantCulture),
            Option("--peer", ""), Option("--out", "")),
        _ => Usage(),
    };
}
catch (Exception e) when (e is CudaNotFoundException or CudaException or NotSupportedException)
{
    Console.Error.WriteLine(e.Message);
    return 3;
}

string Option(string name, string otherwise) =>
    Array.IndexOf(args, name) is >= 0 and var i && i + 1 < args.Length ? args[i + 1] : otherwise;

static int Usage()
{
    Console.Error.WriteLine("gpu-benchmarks check [--repeats N] | small | time [--rounds N] [--peer COMMAND] [--out FILE]");
    return 2;
}
