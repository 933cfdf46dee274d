using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>Floating-point operations per second of the median.</summary>
internal class RateColumn : IColumn
{
    public virtual string Id => nameof(RateColumn);

    public virtual string ColumnName => "GFLOP/s";

    public virtual string Legend =>
        "Floating-point operations of the definition per second, in 10⁹ (median); causal attention counts as half";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
        GetValue(summary, benchmarkCase, SummaryStyle.Default);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
        summary[benchmarkCase]?.ResultStatistics?.Median is { } nanoseconds
            && benchmarkCase.Parameters["Shape"] is KernelShape shape
            ? Text(shape, shape.GigaFlops / (nanoseconds * 1e-9))
            : "-";

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public bool IsAvailable(Summary summary) => true;

    protected virtual string Text(KernelShape shape, double rate) => rate.ToString("F1", CultureInfo.InvariantCulture);
}
