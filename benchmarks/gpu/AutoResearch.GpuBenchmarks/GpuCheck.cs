using System.Runtime.InteropServices;
using AutoResearch.Kernels;
using AutoResearch.Kernels.Tests.Cuda;
using AutoResearch.Pretraining;

namespace AutoResearch.GpuBenchmarks;

/// <summary>Every operation against the reference in double precision, and the same bits every time.</summary>
internal static class GpuCheck
{
    private static (string Name, double Tolerance, GpuCase Case)[] Cases(bool large) =>
    [
        ("rms norm", 1e-2, Operations.RmsNorm(large ? 700 : 13, 512)),
        ("rms norm, odd width", 1e-2, Operations.RmsNorm(13, 24)),
        ("rms norm, long rows", 1e-2, Operations.RmsNorm(3, 2568)),
        ("mix norm", 1e-2, Operations.MixNorm(large ? 700 : 13, 512, false)),
        ("mix norm, one stream", 1e-2, Operations.MixNorm(13, 1024, true)),
        ("embedding", 1e-2, Operations.Embedding(300, 136, large ? 5000 : 200, true, 130)),
        ("embedding, large vocabulary", 1e-2, Operations.Embedding(70000, 8, 1500, true, 900)),
        ("linear with residual", 1e-2, Operations.Linear(large ? 300 : 17, 136, 72, true)),
        ("mlp", 1.5e-2, Operations.Mlp(large ? 200 : 19, 64, 256)),
        ("cross-entropy", 2e-2, Operations.CrossEntropy(9, 64, 8192, 15)),
        ("cross-entropy, odd vocabulary, no cap", 2e-2, Operations.CrossEntropy(9, 16, 2051, 0)),
        ("cross-entropy, large vocabulary", 2e-2, Operations.CrossEntropy(3, 16, 50257, 15)),
        ("cross-entropy, nothing counts", 2e-2, Operations.CrossEntropy(5, 8, 9, 15, ignoreAll: true)),
        ("projection, rotary, value embedding", 1.5e-2, Operations.Qkv(new(2, large ? 150 : 33, 4, 2, 128), 64, 32, true, true)),
        ("projection of one token", 1.5e-2, Operations.Qkv(new(1, 1, 1, 1, 64), 8, 8, true, true)),
        ("attention 64", 2e-2, Operations.Attention(new(2, large ? 333 : 70, 2, 1, 64), -1)),
        ("attention 64, window", 2e-2, Operations.Attention(new(1, large ? 333 : 150, 4, 2, 64), 64)),
        ("attention 128", 2e-2, Operations.Attention(new(1, large ? 333 : 131, 2, 2, 128), -1)),
        ("attention 128, window", 2e-2, Operations.Attention(new(1, large ? 333 : 150, 4, 2, 128), 100)),
        ("attention 64, documents", 2e-2, Operations.Attention(new(2, large ? 333 : 150, 2, 1, 64), -1, documents: true)),
        ("attention 128, documents", 2e-2, Operations.Attention(new(2, large ? 333 : 150, 2, 1, 128), 100, documents: true)),
        ("attention of one token", 2e-2, Operations.Attention(new(3, 1, 2, 1, 128), -1)),
    ];

    /// <summary>Checks and prints; 0 when everything is right.</summary>
    internal static int Run(CudaBackend cuda, int repeats)
    {
        var failed = 0;
        foreach (var (name, tolerance, check) in Cases(large: true)) failed += Try(name, () => check.Check(cuda, tolerance));
        failed += Try("a GPT trained on the GPU and on the CPU", () => TrainOnBoth(cuda));
        foreach (var (name, _, check) in Cases(large: false))
            failed += Try($"{name}: {repeats} repeats are bit-equal", () => Repeat(cuda, check, repeats));
        failed += Try("two trainings are bit-equal", () => Same(Losses(cuda, 12), Losses(cuda, 12), "losses"));
        Console.WriteLine(failed == 0 ? "PASSED" : $"{failed} FAILED");
        return failed == 0 ? 0 : 1;
    }

    /// <summary>Everything once, small: under compute-sanitizer each launch is a thousand times slower.</summary>
    internal static int Small(CudaBackend cuda)
    {
        foreach (var (_, _, check) in Cases(large: false)) check.Run(cuda);
        Losses(cuda, 2);
        Console.WriteLine("done");
        return 0;
    }

    private static void TrainOnBoth(CudaBackend cuda)
    {
        using var cpu = new CpuBackend();
        var (expected, actual) = (Losses(cpu, 12), Losses(cuda, 12));
        for (var i = 0; i < expected.Length; i++)
            if (!(Math.Abs(actual[i] - expected[i]) <= 0.02 * expected[i]))
                throw new InvalidOperationException($"step {i + 1}: {actual[i]:f4}, on the CPU {expected[i]:f4}");
    }

    private static void Repeat(CudaBackend cuda, GpuCase check, int repeats)
    {
        var first = check.Run(cuda);
        for (var i = 1; i < repeats; i++)
        {
            var again = check.Run(cuda);
            Same(first.Output, again.Output, $"output of repeat {i}");
            for (var l = 0; l < first.Gradients.Length; l++)
                Same(first.Gradients[l], again.Gradients[l], $"gradient {l} of repeat {i}");
        }
    }

    private static void Same<T>(T[] first, T[] again, string what) where T : unmanaged
    {
        if (!MemoryMarshal.AsBytes<T>(first).SequenceEqual(MemoryMarshal.AsBytes<T>(again)))
            throw new InvalidOperationException($"{what}: other bits");
    }

    private static double[] Losses(Backend backend, int steps)
    {
        var config = new GptConfig
        {
            Depth = 2, Dim = 128, Heads = 2, KvHeads = 1, SequenceLength = 96, VocabularySize = 300, WindowPattern = "SL",
            ShortWindow = 40, GateChannels = 16, HeadInit = 0.05,
        };
        var losses = new List<double>();
        using var model = new GptModel(backend, config, 1);

        // Small steps of the scalars: at the start their gradient is 0 but for rounding, and AdamW makes a full step
        // of either sign of it.
        using var trainer = new GptTrainer(model, new()
        {
            BatchSize = 2,
            TotalBatchTokens = 384,
            MatrixLr = 0.02,
            EmbeddingLr = 0.1,
            ScalarLr = 0.01,
            GradientClip = 2,
        });
        trainer.Train(new SyntheticBatches(2, 96, 53), Budget.OfSteps(steps), new Listener(losses));
        return [.. losses];
    }

    private static int Try(string name, Action check)
    {
        try
        {
            check();
            Console.WriteLine($"ok    {name}");
            return 0;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or NotSupportedException)
        {
            Console.WriteLine($"WRONG {name}: {e.Message}");
            return 1;
        }
    }

    private sealed class Listener(List<double> losses) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => losses.Add(value.Loss);
    }
}
