namespace AutoResearch.Pretraining;

/// <summary>A finished training run: what the trainer reports and what the evaluation found.</summary>
/// <param name="Training">What the training brought.</param>
/// <param name="ValidationBpb">Bits per byte of the validation text; NaN when the run diverged.</param>
/// <param name="Size">Parameters and FLOPs of the model.</param>
/// <param name="TotalTime">From building the model to the end of the evaluation.</param>
/// <param name="PeakMemoryBytes">Largest memory of the process seen during the run, in bytes.</param>
public sealed record GptRun(TrainingReport Training, double ValidationBpb, GptSize Size, TimeSpan TotalTime, long PeakMemoryBytes)
{
    /// <summary>Useful floating-point operations per second of training, in 10⁹, with attention counted exactly.</summary>
    public double Gflops => Training.TokensPerSecond * Size.ExactFlopsPerToken / 1e9;
}
