using AutoResearch;
using AutoResearch.Kernels;
using AutoResearch.Pretraining;
using TrainGpt;

try
{
    var options = RunOptions.Parse(args);
    if (options.Help)
    {
        RunOptions.PrintHelp(Console.Out);
        return 0;
    }

    using var cancel = new CancellationTokenSource();
    Console.CancelKeyPress += (_, e) => { e.Cancel = true; cancel.Cancel(); };
    var corpus = options.Data is { } folder ? Corpus.FromDirectory(folder) : Corpus.FromSdkDocumentation();
    Console.WriteLine(corpus.Report);
    var data = new PretrainingData(corpus, options.ValidationBytes, DataCache.Default);
    using Backend backend = options.Cuda
        ? new CudaBackend()
        : new CpuBackend(new CpuBackendOptions { Threads = options.Threads });
    var size = GptSize.Of(options.Setup.Model);
    var model = options.Setup.Model;
    Console.WriteLine(
        $"Model: depth {model.Depth}, dim {model.Dim}, {model.Heads} heads of {model.HeadDim}, {model.KvHeads} kv heads, "
        + $"seq {model.SequenceLength}, vocab {model.VocabularySize}; {size.Total / 1e6:F2} M parameters");
    Console.WriteLine($"Backend: {backend.Name}");
    var run = GptExperiment.Run(backend, data, options.Setup, options.Budget, options.Seed, progress: new ProgressLine(),
        checkpoint: options.Load, finish: Finish, cancellationToken: cancel.Token);
    if (run.Training.Outcome != RunOutcome.Completed)
    {
        Console.WriteLine($"\nFAIL\n{run.Training.Message}");
        return 1;
    }

    var peak = backend is CudaBackend cuda ? CudaPeak.Measure(cuda) : CpuPeak.Measure(options.Threads);
    Console.WriteLine($"\n{SummaryBlock.Format(run, model.Depth, peak)}");
    return 0;

    void Finish(GptTrainer trainer)
    {
        if (options.Save is { } path) trainer.Save(path);
        if (options.SampleTokens == 0) return;
        var tokenizer = data.Tokenizer(model.VocabularySize);
        Console.WriteLine(
            $"\n{TextGenerator.Generate(trainer.Model, tokenizer, options.Prompt, options.SampleTokens, seed: options.Seed)}");
    }
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("\nCancelled.");
    return 130;
}
catch (Exception e)
    when (e is ArgumentException or CorpusException or IOException or UnauthorizedAccessException or OutOfMemoryException
        or CudaNotFoundException or CudaException or NotSupportedException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
