using AutoResearch.Benchmarks.Accepting;
using AutoResearch.Benchmarks.Cpu;
using AutoResearch.Benchmarks.Journals;
using AutoResearch.Benchmarks.Kernels;
using AutoResearch.Benchmarks.Proposing;
using AutoResearch.Benchmarks.RealTrainer;
using AutoResearch.Benchmarks.Scoring;
using BenchmarkDotNet.Running;

// A named command compares with peers or reproduces a table; anything else goes to BenchmarkDotNet.
var commands = new Dictionary<string, Func<string[], Task<int>>>(StringComparer.Ordinal)
{
    ["cpu-peers"] = CpuPeers.RunAsync,
    ["cpu-profile"] = CpuProfile.RunAsync,
    ["cpu-serve"] = CpuServer.RunAsync,
    ["journal-opening"] = JournalOpening.RunAsync,
    ["kernel-gate"] = KernelGateCommand.RunAsync,
    ["kernels-quick"] = KernelsQuick.RunAsync,
    ["tpe-peers"] = TpePeers.RunAsync,
    ["fixed-rules"] = FixedRules.RunAsync,
    ["truth"] = Truth.RunAsync,
    ["truth-parallel"] = TruthParallel.RunAsync,
    ["monitors"] = MonitorCost.RunAsync,
    ["loop-cost"] = LoopCost.RunAsync,
    ["real-trainer"] = RealTrainer.RunAsync,
    ["scoring-cost"] = ScoringCost.RunAsync,
};

if (args.Length > 0 && commands.TryGetValue(args[0], out var command)) return await command(args[1..]);
if (args.Length == 0)
    Console.Error.WriteLine(
        $"Commands: {string.Join(", ", commands.Keys)}. Without one, arguments go to BenchmarkDotNet, e.g. --filter '*Gemm*'.");
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
