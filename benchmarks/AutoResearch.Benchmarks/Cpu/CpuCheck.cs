using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using AutoResearch.Kernels;
using AutoResearch.Pretraining;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>
/// That the peers do the same work: a small model with grouped queries, short windows and value embeddings, the same weights and
/// batches. The gradients and the losses of some optimizer steps are compared.
/// </summary>
internal static class CpuCheck
{
    private const int Steps = 12, Batch = 3;

    // Relative. With the usual 1e-10, Adam makes full steps of gradients that are nothing but rounding, and
    // the losses drift apart.
    private const double Tolerance = 2e-4, AdamEpsilon = 1e-4;

    private static readonly GptConfig s_config = new()
    {
        Depth = 4, Dim = 64, Heads = 4, KvHeads = 2, SequenceLength = 48, VocabularySize = 101, WindowPattern = "SSSL",
        ShortWindow = 17,
    };

    /// <summary>Compares with every peer that is there.</summary>
    /// <exception cref="InvalidOperationException">A peer computes something else.</exception>
    public static async Task<List<PeerResult>> RunAsync(Peers peers)
    {
        var directory = Directory.CreateTempSubdirectory("cpu-check-").FullName;
        try
        {
            var (loss, losses) = Write(directory);
            List<PeerResult> results =
                [new("allocated in a training step, depth 4, dim 256", AllocatedBytes(), "bytes", "", null, null)];
            if (peers.Python is not null) results.AddRange(await CheckTorchAsync(peers.Python, directory, loss, losses));
            if (peers.PlainC is not null)
                results.AddRange(await CheckPlainCAsync(peers.PlainC, peers.NameOf(Contestant.PlainC), directory, losses));
            foreach (var result in results) Console.WriteLine(result);
            return results;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    // The least of several steps: the runtime itself allocates now and then.
    private static double AllocatedBytes()
    {
        using var work = new TrainingWork(CpuCases.Small, Environment.ProcessorCount);
        for (var i = 0; i < 2; i++) work.Run(); // sizes the arena
        return Enumerable.Range(0, 3).Min(_ =>
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            work.Run();
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        });
    }

    // Everything that the peers read; returns our loss and those of the steps.
    private static (double Loss, List<double> Losses) Write(string directory)
    {
        using var backend = new CpuBackend();
        using var model = new GptModel(backend, s_config, 7);

        // With the usual zeros in the output projections many gradients are zero but for rounding, and Adam makes
        // full steps of those.
        foreach (var (stream, parameter) in model.Parameters.Index())
            if (parameter.ToArray().Distinct().Count() == 1) ParameterInitializer.Normal(parameter, 0.2f, 9, (ulong)stream);
        SafeTensorsFile.Save(Path.Combine(directory, "weights.safetensors"), Named(model));
        using (var weights = File.Create(Path.Combine(directory, "weights.f32")))
            foreach (var parameter in InCOrder(model)) weights.Write(MemoryMarshal.AsBytes<float>(parameter.ToArray()));

        var batches = new RandomBatches();
        var (inputs, targets) = (new int[Batch * s_config.SequenceLength], new int[Batch * s_config.SequenceLength]);
        batches.Next(inputs, targets);
        double loss;
        using (var tape = new Tape(backend))
        {
            var recorded = model.Loss(tape, tape.Input(inputs, inputs.Length), tape.Input(targets, targets.Length), Batch);
            tape.Backward(recorded);
            loss = recorded.Item();
        }

        SafeTensorsFile.Save(Path.Combine(directory, "gradients.safetensors"), model.Parameters.Select(p => (p.Name!, p.Grad!)));
        foreach (var parameter in model.Parameters) parameter.Grad!.Fill(0);

        batches = new RandomBatches();
        using (var trainer = new GptTrainer(model, new TrainingOptions { BatchSize = Batch, AdamEpsilon = AdamEpsilon }))
            trainer.Train(batches, Budget.OfSteps(Steps), new Losses(batches.Losses));
        File.WriteAllBytes(Path.Combine(directory, "tokens.i32"),
            MemoryMarshal.AsBytes<int>(CollectionsMarshal.AsSpan(batches.Tokens)).ToArray());
        File.WriteAllText(Path.Combine(directory, "check.txt"), string.Create(CultureInfo.InvariantCulture,
            $"{s_config.Depth} {s_config.Dim} {s_config.Heads} {s_config.KvHeads} {s_config.SequenceLength} {Batch} "
            + $"{s_config.VocabularySize} {s_config.ShortWindow} {s_config.GateChannels} {s_config.WindowPattern} {Steps} "
            + $"{AdamEpsilon}\n"));
        var config = new Dictionary<string, object>
        {
            ["depth"] = s_config.Depth, ["dim"] = s_config.Dim, ["heads"] = s_config.Heads, ["kv_heads"] = s_config.KvHeads,
            ["sequence"] = s_config.SequenceLength, ["batch"] = Batch, ["vocabulary"] = s_config.VocabularySize,
            ["window"] = s_config.ShortWindow, ["pattern"] = s_config.WindowPattern, ["softcap"] = s_config.Softcap,
            ["gate_channels"] = s_config.GateChannels,
        };
        File.WriteAllText(Path.Combine(directory, "check.json"), JsonSerializer.Serialize(
            new Dictionary<string, object> { ["config"] = config, ["epsilon"] = AdamEpsilon, ["tokens"] = batches.Tokens }));
        return (loss, batches.Losses);
    }

    private static async Task<List<PeerResult>> CheckTorchAsync(string python, string directory, double loss, List<double> losses)
    {
        var text = await OutputAsync(python,
            [Path.Combine(PeerResult.Root(), "benchmarks", "peers", "torch_gpt.py"), "check", directory]);
        using var document = JsonDocument.Parse(text);
        var answer = document.RootElement;
        var peer = answer.GetProperty("peer").GetString()!;
        var theirs = answer.GetProperty("losses").EnumerateArray().Select(l => l.GetDouble()).ToList();
        var gradient = answer.GetProperty("gradientDifference").GetDouble();
        Require(peer, "the first loss", Math.Abs(loss - answer.GetProperty("loss").GetDouble()) / loss);
        Require(peer, $"the gradient of {answer.GetProperty("gradientName").GetString()}", gradient);
        return
        [
            new("loss of the same weights and tokens", loss, "nats", peer, answer.GetProperty("loss").GetDouble(), null),
            new("largest gradient difference / rms of its tensor", gradient, "", peer, null, null),
            .. CompareLosses(peer, losses, theirs),
        ];
    }

    private static async Task<List<PeerResult>> CheckPlainCAsync(
        string program, string name, string directory, List<double> losses)
    {
        var text = await OutputAsync(program, ["check", directory]);
        var theirs = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => double.Parse(l, CultureInfo.InvariantCulture)).ToList();
        return CompareLosses(name, losses, theirs);
    }

    private static List<PeerResult> CompareLosses(string peer, List<double> ours, List<double> theirs)
    {
        if (theirs.Count != ours.Count) throw new InvalidOperationException($"{peer} made {theirs.Count} steps of {ours.Count}.");
        var worst = ours.Zip(theirs).Max(l => Math.Abs(l.First - l.Second) / l.First);
        Require(peer, $"the loss of one of {Steps} steps", worst);
        return
        [
            new($"loss of step {Steps} from the same start", ours[^1], "nats", peer, theirs[^1], null),
            new($"largest difference of the losses of {Steps} steps, relative", worst, "", peer, null, null),
        ];
    }

    private static void Require(string peer, string what, double difference)
    {
        if (!(difference <= Tolerance))
            throw new InvalidOperationException(
                FormattableString.Invariant($"{peer} does not compute the same: {what} differs by {difference:G3}, relative."));
    }

    private static async Task<string> OutputAsync(string program, IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? text
            : throw new InvalidOperationException($"{program} check ended with {process.ExitCode}: {text}");
    }

    private static IEnumerable<(string, Tensor)> Named(GptModel model) => model.Parameters.Select(p => (p.Name!, p));

    // The order in which gpt.c makes its parameters.
    private static IEnumerable<Tensor> InCOrder(GptModel model)
    {
        var named = model.Parameters.ToDictionary(p => p.Name!, StringComparer.Ordinal);
        foreach (var name in (string[])["transformer.wte.weight", "lm_head.weight", "resid_lambdas", "x0_lambdas"])
            yield return named[name];
        for (var i = 0; i < s_config.Depth; i++)
        {
            foreach (var name in (string[])["attn.c_q", "attn.c_k", "attn.c_v", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"])
                yield return named[$"transformer.h.{i}.{name}.weight"];
            if (!s_config.HasValueEmbedding(i)) continue;
            yield return named[$"value_embeds.{i}.weight"];
            yield return named[$"transformer.h.{i}.attn.ve_gate.weight"];
        }
    }

    private sealed class Losses(List<double> losses) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => losses.Add(value.Loss);
    }

    private sealed class RandomBatches : ITrainingBatches
    {
        private readonly Random _random = new(3);

        public int BatchSize => Batch;

        public int SequenceLength => s_config.SequenceLength;

        public int Epoch => 1;

        /// <summary>Inputs and targets of every batch, one after the other.</summary>
        public List<int> Tokens { get; } = [];

        public List<double> Losses { get; } = [];

        // Each token depends on the one before, so that there is something to learn.
        public void Next(Span<int> inputs, Span<int> targets, Span<int> documentStarts = default)
        {
            for (var i = 0; i < inputs.Length; i++)
            {
                inputs[i] = _random.Next(s_config.VocabularySize);
                targets[i] = ((inputs[i] * 5) + _random.Next(3)) % s_config.VocabularySize;
            }

            Tokens.AddRange(inputs);
            Tokens.AddRange(targets);
        }

        public void Skip(long batches) => throw new NotSupportedException("These batches are not skipped.");
    }
}
