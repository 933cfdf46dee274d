using System.Globalization;
using System.Runtime.InteropServices;
using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>Our side of <see cref="PeerProcess"/>: the same requests that the peers answer, and the machine's peak.</summary>
internal static class CpuServer
{
    public static async Task<int> RunAsync(string[] args)
    {
        using (var backend = new CpuBackend(new() { Threads = 1 }))
        {
            var tuned = backend.Tuning == CpuTuning.Default ? "" : ", tuned for this machine";
            Console.WriteLine(
                $"AutoResearch.Kernels, {RuntimeInformation.FrameworkDescription}, {backend.Name.Split(", ")[^1]}{tuned}");
        }

        var current = "";
        CpuWork? work = null;
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var cut = line.LastIndexOf(' ');
            var (request, seconds) = (line[..cut], double.Parse(line[cut..], CultureInfo.InvariantCulture));
            var words = request.Split(' ');
            var numbers = words[1..].Select(w => int.Parse(w, CultureInfo.InvariantCulture)).ToArray();
            double answer;
            if (words[0] == "peak")
            {
                answer = new PeakWork(numbers[^1]).Measure(seconds);
            }
            else
            {
                if (current != request)
                {
                    work?.Dispose();
                    (current, work) = (request, Create(words[0], numbers));
                    work?.Prepare();
                    work?.Run();
                }

                answer = work?.Measure(seconds) ?? 0;
            }

            Console.WriteLine(answer == 0 ? "unsupported" : answer.ToString("R", CultureInfo.InvariantCulture));
        }

        work?.Dispose();
        return 0;
    }

    /// <summary>The work of a request; null when there is no such case.</summary>
    public static CpuWork? Create(string name, int[] n) => name switch
    {
        "gemm" => new GemmWork(n[0], n[1], n[2], n[3]),
        "attention_forward" => new AttentionWork(n[0], n[1], n[2], n[3], n[4], backward: false),
        "attention_backward" => new AttentionWork(n[0], n[1], n[2], n[3], n[4], backward: true),
        "loss_and_gradient" => new CrossEntropyWork(n[0], n[1], n[2], n[3]),
        "optimizer_step" => new OptimizerWork(new(n[0], n[1], n[2], n[3], n[4], n[5]), n[6]),
        "training_step" => new TrainingWork(new(n[0], n[1], n[2], n[3], n[4], n[5]), n[6]),
        "parallel_training" => new ParallelTrainingWork(new(n[0], n[1], n[2], n[3], n[4], n[5]), n[6]),
        _ => null,
    };
}
