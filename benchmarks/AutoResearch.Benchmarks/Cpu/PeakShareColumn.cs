using System.Globalization;

namespace AutoResearch.Benchmarks.Cpu;

/// <summary>The rate as a share of the peak that the same threads reached before and after the case.</summary>
internal sealed class PeakShareColumn : RateColumn
{
    public override string Id => nameof(PeakShareColumn);

    public override string ColumnName => "Of peak";

    public override string Legend =>
        "Share of the FMA peak of the same threads, measured before and after the case in the same run";

    protected override string Text(KernelShape shape, double rate) =>
        MeasuredPeaks.Of(shape) is { } peak ? (rate / peak).ToString("P0", CultureInfo.InvariantCulture) : "-";
}
