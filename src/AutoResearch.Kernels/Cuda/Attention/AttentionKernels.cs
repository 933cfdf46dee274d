using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels;

/// <summary>
/// Which kernels an attention call needs, in which specialisation, with which grid, shared memory and parameters.
/// </summary>
internal static unsafe class AttentionKernels
{
    internal const string HopperForwardFile = "attention_forward_sm90.cu", HopperKeysFile = "attention_backward_kv_sm90.cu",
        HopperQueriesFile = "attention_backward_q_sm90.cu", ForwardFile = "attention_forward_sm80.cu",
        KeysFile = "attention_backward_kv_sm80.cu", QueriesFile = "attention_backward_q_sm80.cu",
        PrepareFile = "attention_backward_prepare.cu", ConvertFile = "attention_backward_convert.cu";

    private const float Log2E = 1.4426950408889634f;
    private const int MapAlignment = 128;

    /// <summary>Softmax attention. Rows that see no key: output 0, log-sum-exp −∞.</summary>
    /// <param name="target">Where it runs.</param>
    /// <param name="p">Shape and mask.</param>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="o">Output, overwritten.</param>
    /// <param name="lse">Device address of <c>float[batch, heads, queries]</c>, overwritten: natural logarithm of the
    /// denominator.</param>
    internal static void Forward(
        IAttentionTarget target, in AttentionProblem p, in AttentionTensor q, in AttentionTensor k, in AttentionTensor v,
        in AttentionTensor o, nint lse)
    {
        p.Validate();
        q.Validate(nameof(q));
        k.Validate(nameof(k));
        v.Validate(nameof(v));
        o.Validate(nameof(o));
        var (scale, mask, group) = (p.Scale * Log2E, new AttentionParameters.Mask(p), p.Heads / p.KvHeads);
        if (!target.Hopper)
        {
            var plain = new AttentionParameters.Forward
            {
                Q = q, K = k, V = v, O = o, Mask = mask, Lse = lse, Heads = p.Heads, Group = group, ScaleLog2 = scale,
            };
            var rows = p.HeadDim;
            Launch(target, Step(p, ForwardFile, "attention_forward_sm80", (Blocks(p.Queries, rows), p.Heads, p.Batch), 2 * rows,
                ForwardShared(p.HeadDim)), &plain);
            return;
        }

        var memory = stackalloc byte[sizeof(AttentionParameters.HopperForward) + MapAlignment];
        var parameters = (AttentionParameters.HopperForward*)Align(memory);
        *parameters = new() { Mask = mask, Lse = lse, Heads = p.Heads, Group = group, Batch = p.Batch, ScaleLog2 = scale };
        MapQueries(target, p, &parameters->Q, q);
        MapQueries(target, p, &parameters->O, o);
        target.EncodeMap(&parameters->K, k, p.HeadDim, p.Keys, p.KvHeads, p.Batch, 128);
        target.EncodeMap(&parameters->V, v, p.HeadDim, p.Keys, p.KvHeads, p.Batch, 128);
        var consumers = p.HeadDim == 64 ? 3 : 2;
        var tiles = (long)Blocks(p.Queries, 64 * consumers) * p.Heads * p.Batch;
        var grid = (int)Math.Min(tiles, target.Multiprocessors);
        Launch(target,
            Step(p, HopperForwardFile, "attention_forward_sm90", grid, 128 * (1 + consumers), HopperForwardShared(p.HeadDim)),
            parameters);
    }

    /// <summary>Bytes of the workspace of <see cref="Backward"/>; it needs no particular content.</summary>
    internal static long WorkspaceBytes(in AttentionProblem p, bool hopper, bool deterministic)
    {
        var rows = (long)p.Batch * p.Heads * p.PaddedQueries;
        return (rows * 2 * sizeof(float)) + (hopper && !deterministic ? rows * p.HeadDim * sizeof(float) : 0);
    }

    /// <summary>Gradient of <see cref="Forward"/>; all three outputs are overwritten.</summary>
    /// <param name="target">Where it runs.</param>
    /// <param name="p">Shape and mask of the forward pass.</param>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="o">Output of the forward pass.</param>
    /// <param name="dout">Its gradient.</param>
    /// <param name="lse">What the forward pass stored.</param>
    /// <param name="dq">Gradient of the queries.</param>
    /// <param name="dk">Gradient of the keys.</param>
    /// <param name="dv">Gradient of the values.</param>
    /// <param name="workspace">Device address of <see cref="WorkspaceBytes"/> bytes, a multiple of 16.</param>
    /// <param name="deterministic">
    /// The same bits on every run. Otherwise, on Hopper, the gradient of the queries is summed in the order in which blocks
    /// finish, which saves two of seven matrix products.
    /// </param>
    internal static void Backward(
        IAttentionTarget target, in AttentionProblem p, in AttentionTensor q, in AttentionTensor k, in AttentionTensor v,
        in AttentionTensor o,
        in AttentionTensor dout, nint lse, in AttentionTensor dq, in AttentionTensor dk, in AttentionTensor dv, nint workspace,
        bool deterministic)
    {
        p.Validate();
        q.Validate(nameof(q));
        k.Validate(nameof(k));
        v.Validate(nameof(v));
        o.Validate(nameof(o));
        dout.Validate(nameof(dout));
        dq.Validate(nameof(dq));
        dk.Validate(nameof(dk));
        dv.Validate(nameof(dv));
        if (workspace == 0 || workspace % 16 != 0)
            throw new ArgumentException("The workspace must lie on a multiple of 16.", nameof(workspace));
        var (padded, rowBytes) = (p.PaddedQueries, (long)p.Batch * p.Heads * p.PaddedQueries * sizeof(float));
        var rows = new AttentionParameters.Rows { Lse = workspace, Delta = workspace + (nint)rowBytes, Padded = padded };
        var sums = workspace + (nint)(2 * rowBytes);

        var prepare = new AttentionParameters.Prepare
        {
            O = o, Dout = dout, Lse = lse, Lse2 = rows.Lse, Delta = rows.Delta, Queries = p.Queries, Padded = padded,
        };
        Launch(target,
            Step(p, PrepareFile, "attention_backward_prepare", (Blocks(padded, 2048 / p.HeadDim), p.Heads, p.Batch), 256, 0),
            &prepare);

        var (mask, group) = (new AttentionParameters.Mask(p), p.Heads / p.KvHeads);
        if (!target.Hopper)
        {
            var plain = new AttentionParameters.Backward
            {
                Q = q, K = k, V = v, Dout = dout, Dq = dq, Dk = dk, Dv = dv, Mask = mask, Rows = rows, Heads = p.Heads,
                Group = group, Scale = p.Scale, ScaleLog2 = p.Scale * Log2E,
            };
            Launch(target, Step(p, KeysFile, "attention_backward_kv_sm80", (Blocks(p.Keys, 64), p.KvHeads, p.Batch), 128,
                KeysShared(p.HeadDim)), &plain);
            Launch(target, Step(p, QueriesFile, "attention_backward_q_sm80", (Blocks(p.Queries, 64), p.Heads, p.Batch), 128,
                QueriesShared(p.HeadDim)), &plain);
            return;
        }

        var memory = stackalloc byte[sizeof(AttentionParameters.HopperBackward) + MapAlignment];
        var parameters = (AttentionParameters.HopperBackward*)Align(memory);
        *parameters = new()
        {
            Mask = mask, Rows = rows, DqSum = sums, Heads = p.Heads, Group = group, Scale = p.Scale, ScaleLog2 = p.Scale * Log2E,
        };
        MapQueries(target, p, &parameters->Q, q);
        MapQueries(target, p, &parameters->Dout, dout);
        MapQueries(target, p, &parameters->Dq, dq);
        MapKeys(target, p, &parameters->K, k);
        MapKeys(target, p, &parameters->V, v);
        MapKeys(target, p, &parameters->Dk, dk);
        MapKeys(target, p, &parameters->Dv, dv);
        if (!deterministic) target.Clear(sums, rowBytes * p.HeadDim);
        var keys = Step(p, HopperKeysFile, "attention_backward_kv_sm90", (Blocks(p.Keys, 128), p.KvHeads, p.Batch), 384,
            HopperKeysShared(p.HeadDim, !deterministic));
        Launch(target, keys with { ReduceDq = !deterministic }, parameters);
        if (deterministic)
        {
            Launch(target, Step(p, HopperQueriesFile, "attention_backward_q_sm90", (Blocks(p.Queries, 128), p.Heads, p.Batch),
                384, HopperQueriesShared(p.HeadDim)), parameters);
            return;
        }

        var convert =
            new AttentionParameters.Convert { DqSum = sums, Dq = dq, Queries = p.Queries, Padded = padded, Scale = p.Scale };
        Launch(target,
            Step(p, ConvertFile, "attention_backward_convert", (padded / (p.HeadDim == 64 ? 128 : 64), p.Heads, p.Batch), 256, 0),
            &convert);
    }

    // Dynamic shared memory: the SHARED_BYTES of the kernels.
    internal static int HopperForwardShared(int d) => (2 * (d == 64 ? 3 : 2) * 64 * d * 2) + (4 * 128 * d * 2) + 128;

    internal static int HopperQueriesShared(int d) => (4 * 64 * d * 2) + (4 * 128 * d * 2) + 128;

    internal static int HopperKeysShared(int d, bool reduce)
    {
        var queries = d == 64 ? 128 : 64;
        return (4 * 64 * d * 2) + (4 * queries * d * 2) + (reduce ? (128 * queries * 2) + (queries * d * 4) : 0)
            + (4 * queries * 4) + 128;
    }

    internal static int ForwardShared(int d) => (d + (4 * 64)) * d * 2;

    internal static int KeysShared(int d)
    {
        var queries = d == 64 ? 64 : 32;
        return (2 * 64 * d * 2) + (4 * queries * d * 2) + (4 * queries * 4);
    }

    internal static int QueriesShared(int d) => 6 * 64 * d * 2;

    private static void Launch<T>(IAttentionTarget target, in AttentionStep step, T* parameters)
        where T : unmanaged => target.Launch(step, parameters, sizeof(T));

    private static AttentionStep Step(in AttentionProblem p, string file, string entry, Dim3 grid, int threads, int shared) =>
        new(file, entry, p.HeadDim, p.Causal, ReduceDq: false, new(grid, threads, shared));

    private static void MapQueries(
        IAttentionTarget target, in AttentionProblem p, AttentionParameters.Map* map, in AttentionTensor tensor) =>
        target.EncodeMap(map, tensor, p.HeadDim, p.Queries, p.Heads, p.Batch, 64);

    private static void MapKeys(
        IAttentionTarget target, in AttentionProblem p, AttentionParameters.Map* map, in AttentionTensor tensor) =>
        target.EncodeMap(map, tensor, p.HeadDim, p.Keys, p.KvHeads, p.Batch, 64);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Align(byte* memory) => (byte*)(((nint)memory + MapAlignment - 1) / MapAlignment * MapAlignment);

    private static int Blocks(int count, int size) => (count + size - 1) / size;
}
