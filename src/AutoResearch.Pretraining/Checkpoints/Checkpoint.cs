using System.Globalization;
using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>A trainer's state as a safetensors file: weights, optimizer moments, and the position in the metadata.</summary>
internal static class Checkpoint
{
    private const string Format = "autoresearch-gpt-1";

    public static void Save(string path, GptTrainer trainer, GptOptimizer optimizer, SmoothedLoss loss) =>
        SafeTensorsFile.Save(path, Tensors(trainer, optimizer), new Dictionary<string, string>
        {
            ["format"] = Format,
            ["step"] = trainer.Steps.ToString(CultureInfo.InvariantCulture),
            ["training_ticks"] = trainer.TrainingTime.Ticks.ToString(CultureInfo.InvariantCulture),
            ["smooth_loss"] = loss.ToString(),
            ["optimizer_step"] = optimizer.Steps.ToString(CultureInfo.InvariantCulture),
            ["rate_factor"] = trainer.LearningRateFactor.ToString("R", CultureInfo.InvariantCulture),
        });

    public static (long Steps, TimeSpan Time, SmoothedLoss Loss, double RateFactor) Load(
        string path, GptTrainer trainer, GptOptimizer optimizer)
    {
        var metadata = SafeTensorsFile.LoadMetadata(path);
        if (metadata.GetValueOrDefault("format") != Format)
            throw new InvalidDataException($"'{path}' is no checkpoint of a trainer: "
                + $"its format is '{metadata.GetValueOrDefault("format")}', not '{Format}'.");
        if (!long.TryParse(metadata.GetValueOrDefault("step"), CultureInfo.InvariantCulture, out var steps)
            || steps is < 0 or > int.MaxValue
            || !long.TryParse(metadata.GetValueOrDefault("training_ticks"), CultureInfo.InvariantCulture, out var ticks)
            || ticks < 0
            || !SmoothedLoss.TryParse(metadata.GetValueOrDefault("smooth_loss"), out var loss))
            throw new InvalidDataException(
                $"'{path}' is a damaged checkpoint: step, time or loss cannot be read from its metadata. Use an earlier one.");
        SafeTensorsFile.Load(path, Tensors(trainer, optimizer));
        // Files of before these two were kept are of trainings that never went back.
        optimizer.Restore(long.TryParse(metadata.GetValueOrDefault("optimizer_step"), CultureInfo.InvariantCulture, out var own)
            && own is >= 0 and <= int.MaxValue
            ? own
            : steps);
        var factor = double.TryParse(metadata.GetValueOrDefault("rate_factor"), CultureInfo.InvariantCulture, out var f)
            && f is > 0 and <= 1
            ? f
            : 1;
        return (steps, new TimeSpan(ticks), loss, factor);
    }

    private static IEnumerable<(string, Tensor)> Tensors(GptTrainer trainer, GptOptimizer optimizer) =>
        trainer.Model.Parameters.Select(p => (p.Name!, p)).Concat(optimizer.State);
}
