
namespace AutoResearch.Core.Tests.Running;

public sealed class RunResultValidationTests
{
    [Fact]
    public void RequireMetric_Missing_IsInvalidAndListsWhatThereIs()
    {
        var result = RunResult.Complete(new Dictionary<string, double> { ["loss"] = 1, ["accuracy"] = 0.5 })
            .RequireMetric("val_bpb");
        Assert.Equal(RunOutcome.Invalid, result.Outcome);
        Assert.Contains("'val_bpb'", result.Message);
        Assert.Contains("accuracy, loss", result.Message);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void RequireMetric_NotFinite_IsDiverged(double value) => Assert.Equal(RunOutcome.Diverged,
        RunResult.Complete(new Dictionary<string, double> { ["val_bpb"] = value }).RequireMetric("val_bpb").Outcome);

    [Fact]
    public void RequireMetric_Finite_IsUnchanged()
    {
        var result = RunResult.Complete(new Dictionary<string, double> { ["val_bpb"] = 1 });
        Assert.Same(result, result.RequireMetric("val_bpb"));
    }

    [Fact]
    public void RequireMetric_FailedRun_KeepsItsOutcome() => Assert.Equal(RunOutcome.Crashed,
        RunResult.Failure(RunOutcome.Crashed, "boom").RequireMetric("val_bpb").Outcome);

    [Fact]
    public void DeviceFingerprint_Read_NamesTheMachine()
    {
        var device = DeviceFingerprint.Read();
        Assert.All(["cpu", "cores", "os", "runtime"], key => Assert.False(string.IsNullOrWhiteSpace(device[key])));
        if (OperatingSystem.IsLinux())
            Assert.True(double.Parse(device["load"], System.Globalization.CultureInfo.InvariantCulture) >= 0);
    }
}
