namespace AutoResearch.Pretraining;

/// <summary>The run is over, with this outcome.</summary>
internal sealed class RunFailureException(RunOutcome outcome, string message) : Exception(message)
{
    public RunOutcome Outcome => outcome;

    public static RunFailureException Invalid(string message) => new(RunOutcome.Invalid, message);

    public static RunFailureException TimedOut(string message) => new(RunOutcome.TimedOut, message);
}
