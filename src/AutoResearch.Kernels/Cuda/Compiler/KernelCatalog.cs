namespace AutoResearch.Kernels;

/// <summary>
/// Every kernel of the library in every specialisation that can be launched. The compile gate
/// (<c>benchmarks -- kernel-gate</c>, and the tests) compiles all of them for all architectures without a GPU and fails on
/// spills, on notes about lost performance, on register counts above the budget, and on a kernel file without an entry here.
/// </summary>
/// <remarks>
/// To add a kernel: put its file into Cuda/Kernels, add a <see cref="KernelVariant"/> per specialisation to the list of its
/// area (a file <c>KernelCatalog.Area.cs</c> with a property <c>Area => [...]</c> that <see cref="All"/> spreads), run the gate
/// with <c>--update</c> and look at the difference of benchmarks/results/kernels.md. The budget is 65536 / (threads of a block ·
/// blocks wanted per multiprocessor), rounded down to a multiple of 8.
/// </remarks>
internal static partial class KernelCatalog
{
    /// <summary>All variants.</summary>
    internal static IReadOnlyList<KernelVariant> All => [.. Training, .. Attention];
}
