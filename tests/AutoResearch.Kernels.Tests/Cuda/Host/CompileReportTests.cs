namespace AutoResearch.Kernels.Tests.Cuda;

public sealed class CompileReportTests
{
    [Fact]
    public void Parse_TwoKernels_ReadsTheirResources()
    {
        var report = CompileReport.Parse("""
            kernel.cu(7): warning #177-D: variable "unused" was declared but never referenced

            ptxas info    : 0 bytes gmem
            ptxas info    : Compiling entry function 'attention' for 'sm_90a'
            ptxas info    : Function properties for helper
                32 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads
            ptxas info    : Function properties for attention
                8 bytes stack frame, 4 bytes spill stores, 16 bytes spill loads
            ptxas info    : Function properties for other
                64 bytes stack frame, 40 bytes spill stores, 40 bytes spill loads
            ptxas info    : Used 168 registers, used 9 barriers, 8 bytes cumulative stack size, 1024 bytes smem, 560 bytes cmem[0]
            ptxas info    : Compiling entry function '_Z4fillPf' for 'sm_90a'
            ptxas info    : Function properties for _Z4fillPf
                0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
            ptxas info    : Used 10 registers, used 0 barriers
            """);

        Assert.Equal([new("attention", 168, 8, 4, 16, 1024, 9), new("_Z4fillPf", 10, 0, 0, 0, 0, 0)], report.Kernels);
        Assert.True(report.Kernels[0].Spills);
        Assert.False(report.Kernels[1].Spills);
        Assert.Empty(report.PerformanceNotes);
        Assert.Equal([new("kernel.cu", 7, false, "variable \"unused\" was declared but never referenced")], report.Messages);
    }

    [Theory]
    [InlineData("ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized due to "
        + "insufficient register resources for the wgmma pipeline in function 'attention'")]
    [InlineData(
        "ptxas info    : (C7504) Potential Performance Loss: 'setmaxnreg' ignored to maintain minimum register requirements.")]
    [InlineData(
        "ptxas info    : (C7508) Potential Performance Loss: 'setmaxnreg' ignored; unable to determine register count at entry.")]
    public void Parse_PerformanceNote_IsKept(string line) =>
        Assert.Equal(line, Assert.Single(CompileReport.Parse(line + "\n").PerformanceNotes));

    [Theory]
    [InlineData("kernel.cu(3): error: identifier \"foo\" is undefined", "kernel.cu", 3, true)]
    [InlineData("a.cuh(12): error #20: something", "a.cuh", 12, true)]
    [InlineData("kernel.cu(1): catastrophic error: cannot open source file \"x.h\"", "kernel.cu", 1, true)]
    [InlineData("kernel.cu(2): warning #550-D: variable", "kernel.cu", 2, false)]
    [InlineData("ptxas kernel.ptx, line 37; error   : Arguments mismatch for instruction 'mma'", "ptx", 37, true)]
    [InlineData("ptxas fatal   : Ptx assembly aborted due to errors", "ptx", 0, true)]
    public void Parse_Message_HasPlaceAndKind(string line, string file, int number, bool isError)
    {
        var message = Assert.Single(CompileReport.Parse(line).Messages);
        Assert.Equal((file, number, isError), (message.File, message.Line, message.IsError));
    }

    [Fact]
    public void Parse_NothingReported_IsEmpty() => Assert.Empty(CompileReport.Parse("").Kernels);
}
