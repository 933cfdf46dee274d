using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using Perfolizer.Horology;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>
/// In this process, so that the peak measured beside a case reaches the columns; a handful of iterations, because on a shared
/// machine many short ones say no more.
/// </summary>
public sealed class KernelConfig : ManualConfig
{
    public KernelConfig()
    {
        AddJob(Job.Default.WithToolchain(InProcessNoEmitToolchain.Instance)
            .WithWarmupCount(2).WithIterationCount(9).WithIterationTime(TimeInterval.FromMilliseconds(150))
            .WithMaxRelativeError(0.1));
        AddDiagnoser(MemoryDiagnoser.Default);
        AddColumn(new RateColumn(), new PeakShareColumn());
        HideColumns(StatisticColumn.Error);
        WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(60));
    }
}
