using System.Diagnostics;
using AutoResearch.Kernels;

namespace AutoResearch.Benchmarks.Kernels;

/// <summary>
/// <c>kernel-gate [--update] [--no-cache] [--only PART]</c>: compiles all kernels for all architectures, fails on spills, notes
/// about lost performance, registers over the budget, kernel files without an entry, and on a table in
/// benchmarks/results/kernels.md that is out of date; <c>--update</c> writes the table. Says so and succeeds
/// where NVRTC is missing.
/// </summary>
internal static class KernelGateCommand
{
    public static Task<int> RunAsync(string[] args)
    {
        string? only = null;
        var (update, cache) = (false, true);
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--update": update = true; break;
                case "--no-cache": cache = false; break;
                case "--only" when i + 1 < args.Length: only = args[++i]; break;
                default:
                    Console.Error.WriteLine(
                        $"Unknown argument {args[i]}. Usage: kernel-gate [--update] [--no-cache] [--only PART]");
                    return Task.FromResult(2);
            }
        }

        return Task.FromResult(Run(update, cache, only));
    }

    private static int Run(bool update, bool cache, string? only)
    {
        var compiler = new KernelCompiler(cache ? new() : new() { CacheDirectory = null });
        Version version;
        try
        {
            version = compiler.Version;
        }
        catch (CudaNotFoundException e)
        {
            Console.WriteLine($"kernel-gate: skipped. {e.Message}");
            return 0;
        }

        var watch = Stopwatch.StartNew();
        var variants = KernelCatalog.All.Where(v => only is null || v.File.Contains(only, StringComparison.Ordinal)
            || v.Label.Contains(only, StringComparison.Ordinal)).ToArray();
        var rows = new KernelGate(compiler, variant => variant.Source(), Environment.ProcessorCount).Run(variants);
        var failures = rows.SelectMany(row =>
            row.Problems.Select(problem => $"{row.Variant.File} {row.Variant.Label} {row.Architecture}: {problem}")).ToList();
        if (only is null)
            failures.AddRange(
                KernelGate.Forgotten(EmbeddedKernels.Files(), variants).Select(file => $"{file} has no entry in KernelCatalog"));
        foreach (var failure in failures) Console.WriteLine(failure);
        Console.WriteLine($"kernel-gate: {variants.Length} variants, {rows.Count} compilations of kernels, NVRTC {version}, "
            + $"{watch.Elapsed.TotalSeconds:F1} s, {failures.Count} problems");

        if (only is not null)
        {
            Console.WriteLine(KernelGate.Table(rows, version));
            return failures.Count == 0 ? 0 : 1;
        }

        var table = KernelGate.Table(rows, version);
        var path = Path.Combine("benchmarks", "results", "kernels.md");
        if (update)
        {
            File.WriteAllText(path, table);
            Console.WriteLine($"Wrote {path}.");
        }
        else if (!IsCurrent(path, table, version))
        {
            Console.WriteLine($"{path} is out of date: run with --update and look at the difference.");
            return 1;
        }

        return failures.Count == 0 ? 0 : 1;
    }

    // Another version of the compiler gives other figures: then only the budgets count.
    private static bool IsCurrent(string path, string table, Version version)
    {
        var committed = File.Exists(path) ? File.ReadAllText(path).ReplaceLineEndings("\n") : "";
        if (committed.Length > 0 && !committed.Contains($"NVRTC {version} ", StringComparison.Ordinal))
        {
            Console.WriteLine($"{path} was made with another NVRTC than {version}: not compared.");
            return true;
        }

        return committed == table;
    }
}
