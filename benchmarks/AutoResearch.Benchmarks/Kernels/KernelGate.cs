using System.Globalization;
using System.Text;
using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Kernels;

/// <summary>One variant in one architecture: what the compiler reported, and what is wrong with it.</summary>
internal sealed record GateRow(
    KernelVariant Variant, string Architecture, KernelResources? Resources, IReadOnlyList<string> Problems);

/// <summary>
/// Compiles every kernel in every specialisation for every architecture and holds the compiler's report against the budgets.
/// Needs NVRTC, but no GPU.
/// </summary>
internal sealed class KernelGate(KernelCompiler compiler, Func<KernelVariant, KernelSource> sourceOf, int parallelism = 2)
{
    /// <summary>All rows, in the order of variants and architectures.</summary>
    public IReadOnlyList<GateRow> Run(IReadOnlyList<KernelVariant> variants)
    {
        // Variants that differ only in the entry point are compiled together.
        var units = variants
            .SelectMany(variant => variant.Architectures.Select(architecture =>
                (Variant: variant, Architecture: architecture, Source: sourceOf(variant))))
            .GroupBy(item => (item.Variant.File, item.Architecture, Defines: item.Variant.Label[item.Variant.Entry.Length..],
                Options: string.Join(' ', item.Source.Options)))
            .OrderByDescending(unit => unit.Key.Architecture, StringComparer.Ordinal).ToArray();
        var rows = new Dictionary<(KernelVariant, string), GateRow>();
        Parallel.ForEach(units, new ParallelOptions { MaxDegreeOfParallelism = parallelism }, unit =>
        {
            var compiled = Compile([.. unit.Select(item => item.Variant)], unit.First().Source, unit.Key.Architecture);
            lock (rows)
            {
                foreach (var row in compiled) rows[(row.Variant, row.Architecture)] = row;
            }
        });
        return [.. variants.SelectMany(variant => variant.Architectures.Select(architecture => rows[(variant, architecture)]))];
    }

    /// <summary>Kernel files that no variant names: they would never be compiled before a user runs them.</summary>
    public static IEnumerable<string> Forgotten(IEnumerable<string> files, IReadOnlyList<KernelVariant> variants) =>
        files.Except(variants.Select(variant => variant.File), StringComparer.Ordinal);

    /// <summary>The committed table.</summary>
    public static string Table(IReadOnlyList<GateRow> rows, Version nvrtc)
    {
        var architectures = KernelVariant.AllArchitectures;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Kernels: registers, spills, shared memory

            Every kernel of the library as NVRTC {nvrtc} compiles it, without a GPU: registers of a thread in each architecture
            ("spills" in bytes where there are any), static shared memory of a block in bytes (dynamic shared memory is chosen at
            launch), and the budget of registers. Written by
            `dotnet run -c Release --project benchmarks/AutoResearch.Benchmarks -- kernel-gate --update`; the same command without
            `--update` fails when a kernel is over its budget or this table is out of date.

            | file | kernel |
            """);
        foreach (var architecture in architectures) text.Append(CultureInfo.InvariantCulture, $" {architecture} |");
        text.Append(" shared | budget |\n|---|---|").Insert(text.Length, "---:|", architectures.Count + 2).Append('\n');
        foreach (var variant in rows.GroupBy(row => row.Variant))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {variant.Key.File} | `{variant.Key.Label}` |");
            foreach (var architecture in architectures)
                text.Append(' ').Append(Cell(variant.FirstOrDefault(row => row.Architecture == architecture))).Append(" |");
            var shared = variant.Max(row => row.Resources?.SharedBytes ?? 0);
            text.Append(CultureInfo.InvariantCulture, $" {shared} | {Budget(variant.Key)} |\n");
        }

        return text.ToString();
    }

    private IEnumerable<GateRow> Compile(KernelVariant[] variants, KernelSource source, string architecture)
    {
        KernelBinary binary;
        try
        {
            binary = compiler.Compile(source with { EntryPoints = [.. variants.Select(variant => variant.Entry)] }, architecture);
        }
        catch (KernelCompileException e)
        {
            return variants.Select(variant => new GateRow(variant, architecture, null, [e.Message]));
        }

        return variants.Select(variant =>
        {
            var resources = binary.Resources(variant.Entry);
            return new GateRow(variant, architecture, resources, [.. Problems(variant, architecture, resources, binary.Report)]);
        }).ToArray();
    }

    private static IEnumerable<string> Problems(
        KernelVariant variant, string architecture, KernelResources resources, CompileReport report)
    {
        var budget = variant.RegistersOf.GetValueOrDefault(architecture, variant.Registers);
        if (resources.Registers > budget) yield return $"{resources.Registers} registers are more than the budget of {budget}";
        if (resources.SpillStoreBytes > variant.SpillBytes || resources.SpillLoadBytes > variant.SpillBytes)
        {
            yield return $"{resources.SpillStoreBytes} bytes of spill stores and {resources.SpillLoadBytes} of spill loads; " +
                $"{variant.SpillBytes} are allowed";
        }

        // A note names its function only sometimes; one that names another kernel is that one's.
        foreach (var note in report.PerformanceNotes)
        {
            var named = report.Kernels.Where(kernel => note.Contains($"'{kernel.Name}'", StringComparison.Ordinal)).ToArray();
            if (named.Length == 0 || named.Any(kernel => kernel.Name == resources.Name)) yield return note;
        }
    }

    private static string Cell(GateRow? row) => row switch
    {
        null => "–",
        { Resources: null } => "does not compile",
        { Resources: { Spills: true } r } =>
            FormattableString.Invariant($"{r.Registers}, spills {r.SpillStoreBytes}/{r.SpillLoadBytes}"),
        { Resources: { } r } => FormattableString.Invariant($"{r.Registers}"),
    };

    private static string Budget(KernelVariant variant)
    {
        var text = variant.Registers.ToString(CultureInfo.InvariantCulture);
        foreach (var (architecture, registers) in variant.RegistersOf.OrderBy(r => r.Key, StringComparer.Ordinal))
            text += FormattableString.Invariant($" ({architecture}: {registers})");
        if (variant.SpillBytes > 0) text += FormattableString.Invariant($", spills ≤ {variant.SpillBytes}");
        return text;
    }
}
