namespace AutoResearch.Kernels;

/// <summary>One kernel launch of the attention: what is compiled and how it is launched.</summary>
/// <param name="File">File in Cuda/Kernels.</param>
/// <param name="Entry">The kernel.</param>
/// <param name="HeadDim">Specialisation <c>HEAD_DIM</c>.</param>
/// <param name="Causal">Specialisation <c>CAUSAL</c>.</param>
/// <param name="ReduceDq">Specialisation <c>REDUCE_DQ</c>.</param>
/// <param name="Launch">Grid, block and dynamic shared memory.</param>
internal readonly record struct AttentionStep(
    string File, string Entry, int HeadDim, bool Causal, bool ReduceDq, CudaLaunch Launch)
{
    /// <summary>The preprocessor definitions of the specialisation.</summary>
    internal Dictionary<string, string> Defines()
    {
        var defines = new Dictionary<string, string>(StringComparer.Ordinal) { ["HEAD_DIM"] = HeadDim == 64 ? "64" : "128" };
        if (File is AttentionKernels.PrepareFile or AttentionKernels.ConvertFile) return defines;
        defines["CAUSAL"] = Causal ? "1" : "0";
        if (File == AttentionKernels.HopperKeysFile) defines["REDUCE_DQ"] = ReduceDq ? "1" : "0";
        return defines;
    }
}
