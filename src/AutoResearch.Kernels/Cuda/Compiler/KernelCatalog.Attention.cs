namespace AutoResearch.Kernels;

internal static partial class KernelCatalog
{
    private static readonly string[] Hopper = ["sm_90a"];
    private static readonly int[] HeadDims = [64, 128];
    private static readonly bool[] Either = [false, true];

    /// <summary>Attention: every head dimension, with and without the causal mask.</summary>
    internal static IReadOnlyList<KernelVariant> Attention { get; } =
    [
        .. AttentionVariants(AttentionKernels.PrepareFile, "attention_backward_prepare", 40, 40),
        .. AttentionVariants(AttentionKernels.ForwardFile, "attention_forward_sm80", 128, 192),
        .. AttentionVariants(AttentionKernels.KeysFile, "attention_backward_kv_sm80", 200, 240),
        .. AttentionVariants(AttentionKernels.QueriesFile, "attention_backward_q_sm80", 168, 240),
        .. AttentionVariants(AttentionKernels.ConvertFile, "attention_backward_convert", 40, 40, Hopper),
        .. AttentionVariants(AttentionKernels.HopperForwardFile, "attention_forward_sm90", 128, 168, Hopper),
        .. AttentionVariants(AttentionKernels.HopperKeysFile, "attention_backward_kv_sm90", 168, 168, Hopper),
        .. AttentionVariants(AttentionKernels.HopperQueriesFile, "attention_backward_q_sm90", 168, 168, Hopper),
    ];

    private static IEnumerable<KernelVariant> AttentionVariants(
        string file, string entry, int registers64, int registers128, string[]? architectures = null) =>
        from headDim in HeadDims
        from causal in Either
        from reduce in Either
        let step = new AttentionStep(file, entry, headDim, causal, reduce, default)
        let defines = step.Defines()
        where causal || defines.ContainsKey("CAUSAL")
        where !reduce || defines.ContainsKey("REDUCE_DQ")
        select new KernelVariant(file, entry, headDim == 64 ? registers64 : registers128)
        {
            Defines = defines, Architectures = architectures ?? KernelVariant.AllArchitectures,
        };
}
