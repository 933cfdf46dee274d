using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>The weights of one transformer layer; matrices are [outputs, inputs].</summary>
internal sealed class GptLayer
{
    public GptLayer(Backend backend, GptConfig config, int index)
    {
        var (q, kv, dim) = (config.Heads * config.HeadDim, config.KvDim, config.Dim);
        var prefix = $"transformer.h.{index}.";
        Qkv = backend.Parameter((q + 2 * kv, dim), prefix + "attn.c_qkv.weight");
        Query = Part(0, q, "attn.c_q.weight");
        Key = Part(q, kv, "attn.c_k.weight");
        Value = Part(q + kv, kv, "attn.c_v.weight");
        Output = backend.Parameter((dim, q), prefix + "attn.c_proj.weight");
        MlpIn = backend.Parameter((config.MlpDim, dim), prefix + "mlp.c_fc.weight");
        MlpOut = backend.Parameter((dim, config.MlpDim), prefix + "mlp.c_proj.weight");
        if (config.HasValueEmbedding(index))
        {
            ValueTable = backend.Parameter((config.VocabularySize, kv), $"value_embeds.{index}.weight");
            Gate = backend.Parameter((config.KvHeads, config.GateChannels), prefix + "attn.ve_gate.weight");
        }

        Window = config.WindowOf(index) >= config.SequenceLength ? -1 : config.WindowOf(index);

        Tensor Part(int start, int count, string name)
        {
            var part = Qkv.Slice(start, count);
            part.Name = prefix + name;
            return part;
        }
    }

    /// <summary>Query, key and value matrices as one, so that one product computes all three.</summary>
    public Tensor Qkv { get; }

    public Tensor Query { get; }

    public Tensor Key { get; }

    public Tensor Value { get; }

    public Tensor Output { get; }

    public Tensor MlpIn { get; }

    public Tensor MlpOut { get; }

    public Tensor? ValueTable { get; }

    public Tensor? Gate { get; }

    /// <summary>Earlier tokens a query sees; −1 for all.</summary>
    public int Window { get; }

    /// <summary>The matrices Muon trains, queries, keys and values apart.</summary>
    public IEnumerable<Tensor> Matrices
    {
        get
        {
            yield return Query;
            yield return Key;
            yield return Value;
            yield return Output;
            if (Gate is not null) yield return Gate;
            yield return MlpIn;
            yield return MlpOut;
        }
    }

    public void Dispose()
    {
        foreach (var tensor in (Tensor?[])[Qkv, Output, MlpIn, MlpOut, ValueTable, Gate]) tensor?.Dispose();
    }
}
