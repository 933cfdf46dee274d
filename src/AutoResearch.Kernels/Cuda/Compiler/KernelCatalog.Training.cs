namespace AutoResearch.Kernels;

internal static partial class KernelCatalog
{
    // Blocks of 256 threads unless said otherwise; what waits for memory all the time wants many of them on a multiprocessor.
    private static readonly string[] RowLengths = ["1", "2", "4", "8", "0"];

    /// <summary>The kernels of the training path but the attention: names as <see cref="CudaBackend"/> asks for them.</summary>
    internal static IReadOnlyList<KernelVariant> Training { get; } =
    [
        .. Same("elementwise.cu", 48, "add_f32_f32", "add_f32_bf16", "add_bf16_f32", "add_bf16_bf16", "round_to_bf16",
            "scale_f32", "softcap_bf16", "relu_squared", "relu_squared_backward"),
        .. Rows("norm.cu", "rms_norm", 32, 40, 64, 96, 40),
        .. Rows("norm.cu", "rms_norm_backward", 48, 64, 96, 160, 48),
        .. Rows("norm.cu", "mix_norm", 40, 48, 64, 96, 40),
        .. Rows("norm.cu", "mix_norm_backward", 80, 80, 128, 192, 72),
        new("norm.cu", "mix_norm_scales", 32),
        .. Same("rotary.cu", 80, "rotary_norm", "rotary_norm_backward"),
        .. Rows("embedding.cu", "embedding", 32, 40, 64, 80, 48),
        .. Same("embedding.cu", 48, "embedding_projection", "sort_count", "sort_scan", "sort_scatter", "segment_join"),
        new("embedding.cu", "segment_sum", 80),
        .. Same("value_embedding.cu", 48, "value_embedding", "value_embedding_backward", "gate_weight_partials",
            "add_column_sums"),
        .. Same("cross_entropy.cu", 32, "count_targets", "mean_loss"),
        .. Same("cross_entropy.cu", 64, "cross_entropy_1", "cross_entropy_2", "cross_entropy_4", "cross_entropy_0"),
        new("cross_entropy.cu", "cross_entropy_8", 80),
        new("cross_entropy.cu", "cross_entropy_16", 128),
        .. Same("optimizer.cu", 48, "adamw", "sum_squares", "finish_norm", "scale_gradients", "muon_momentum", "muon_direction",
            "polar_polynomial", "muon_row_moments", "muon_column_moments", "muon_ratio", "muon_update"),
    ];

    private static IEnumerable<KernelVariant> Same(string file, int registers, params string[] entries) =>
        entries.Select(entry => new KernelVariant(file, entry, registers));

    private static IEnumerable<KernelVariant> Rows(string file, string entry, params int[] registers) =>
        RowLengths.Select((length, i) => new KernelVariant(file, $"{entry}_{length}", registers[i]));
}
