using System.Globalization;

namespace AutoResearch.Adversarial.Tests;

/// <summary>
/// A trusted scorer in miniature: the program leaves a number in a directory made for this run only, and this side compares it
/// with a secret one after the program and all that it started has ended. What is printed is not looked at.
/// </summary>
internal sealed class ArtifactHost(double secret, string directory) : IProgramHost
{
    public ValueTask<IProgramSession> OpenAsync(
        Experiment experiment, IProgress<Measurement>? progress = null, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IProgramSession>(
            new Session(secret, Directory.CreateDirectory(Path.Combine(directory, Guid.NewGuid().ToString("N"))).FullName));

    public static double Score(double weight, double secret) => 1 + ((weight - secret) * (weight - secret));

    private sealed class Session(double secret, string outbox) : IProgramSession
    {
        public IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string> { ["OUTBOX"] = outbox };

        public IReadOnlyList<string> SharedPaths => [outbox];

        public async Task<RunResult> ServeAsync(Task programEnd, CancellationToken cancellationToken = default)
        {
            await programEnd.WaitAsync(cancellationToken);
            var file = new FileInfo(Path.Combine(outbox, "weights.txt"));
            if (Directory.Exists(file.FullName)) return RunResult.Failure(RunOutcome.Invalid, "The weights are a directory.");
            if (!file.Exists && file.LinkTarget is null)
                return RunResult.Failure(RunOutcome.Crashed, "The program left no weights.");
            if (file.LinkTarget is not null)
                return RunResult.Failure(RunOutcome.Invalid, "The weights are a link, which is not followed.");
            // A pipe has none
            if (file.Length is 0 or > 100)
                return RunResult.Failure(RunOutcome.Invalid, $"The weights have {file.Length} bytes; 1 to 100 were agreed.");
            var text = await File.ReadAllTextAsync(file.FullName, cancellationToken);
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight))
                return RunResult.Failure(RunOutcome.Invalid, "The weights are no number.");
            return double.IsFinite(weight) && double.IsFinite(Score(weight, secret))
                ? RunResult.Complete(new Dictionary<string, double> { ["val_bpb"] = Score(weight, secret) })
                : RunResult.Failure(RunOutcome.Diverged, "The weights are not finite.");
        }

        public ValueTask DisposeAsync()
        {
            Tree.Remove(outbox);
            return ValueTask.CompletedTask;
        }
    }
}
