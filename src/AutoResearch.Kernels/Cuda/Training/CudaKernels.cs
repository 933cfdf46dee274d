namespace AutoResearch.Kernels;

/// <summary>The kernels of the training path, loaded.</summary>
internal sealed class CudaKernels : IDisposable
{
    private static readonly string[] SoftmaxNames =
        ["cross_entropy_1", "cross_entropy_2", "cross_entropy_4", "cross_entropy_8", "cross_entropy_16", "cross_entropy_0"];

    private readonly List<CudaModule> _modules = [];

    internal CudaKernels(CudaDevice device, CudaBackendOptions options)
    {
        Load = options.Loader is { } loader ? (file, entries, defines) => Keep(loader(device, file, entries, defines)) : Compile;
        try
        {
            Elementwise = Functions("elementwise.cu");
            Norm = Functions("norm.cu");
            Rotary = Functions("rotary.cu");
            Embedding = Functions("embedding.cu");
            Value = Functions("value_embedding.cu");
            CrossEntropy = Functions("cross_entropy.cu");
            Optimizer = Functions("optimizer.cu");
            RmsNorm = new(Norm, "rms_norm");
            RmsNormBackward = new(Norm, "rms_norm_backward");
            MixNorm = new(Norm, "mix_norm");
            MixNormBackward = new(Norm, "mix_norm_backward");
            Gather = new(Embedding, "embedding");
            Softmax = [.. SoftmaxNames.Select(name => CrossEntropy[name])];
        }
        catch
        {
            Dispose();
            throw;
        }

        CudaModule Compile(string file, IReadOnlyList<string> entries, IReadOnlyDictionary<string, string> defines)
        {
            var compiler = new KernelCompiler(options.Compiler);
            var source = EmbeddedKernels.Source(file, entries) with { Defines = defines };
            return Keep(compiler.Compile(source, device.Architecture).Load(device));
        }
    }

    internal IReadOnlyDictionary<string, CudaFunction> Elementwise { get; }

    internal IReadOnlyDictionary<string, CudaFunction> Norm { get; }

    internal IReadOnlyDictionary<string, CudaFunction> Rotary { get; }

    internal IReadOnlyDictionary<string, CudaFunction> Embedding { get; }

    internal IReadOnlyDictionary<string, CudaFunction> Value { get; }

    internal IReadOnlyDictionary<string, CudaFunction> CrossEntropy { get; }

    internal IReadOnlyDictionary<string, CudaFunction> Optimizer { get; }

    internal RowKernels RmsNorm { get; }

    internal RowKernels RmsNormBackward { get; }

    internal RowKernels MixNorm { get; }

    internal RowKernels MixNormBackward { get; }

    internal RowKernels Gather { get; }

    /// <summary>Softmax over a row of up to 2048, 4096, 8192, 16384, 32768 and any number of logits.</summary>
    internal CudaFunction[] Softmax { get; }

    /// <summary>Loads a file in a specialisation; kept until this object is disposed of.</summary>
    internal Func<string, IReadOnlyList<string>, IReadOnlyDictionary<string, string>, CudaModule> Load { get; }

    public void Dispose()
    {
        foreach (var module in _modules) module.Dispose();
        _modules.Clear();
    }

    private Dictionary<string, CudaFunction> Functions(string file)
    {
        string[] entries = [.. KernelCatalog.Training.Where(v => v.File == file).Select(v => v.Entry)];
        var module = Load(file, entries, new Dictionary<string, string>(StringComparer.Ordinal));
        return entries.ToDictionary(name => name, module.Function, StringComparer.Ordinal);
    }

    private CudaModule Keep(CudaModule module)
    {
        _modules.Add(module);
        return module;
    }
}
