using System.Text.Json.Serialization;

namespace AutoResearch;

/// <summary>What is done about a signal inside of a run.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="LearningRateFactor">By how much all learning rates are multiplied from then on; 1 leaves them.</param>
public sealed record RunAction(RunActionKind Kind, double LearningRateFactor = 1)
{
    /// <summary>The run goes on.</summary>
    public static RunAction Continue { get; } = new(RunActionKind.Continue);

    /// <summary>The run is ended.</summary>
    public static RunAction Stop { get; } = new(RunActionKind.Stop);

    /// <summary>The learning rates are lowered.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="factor"/> does not lie between 0 and 1.</exception>
    public static RunAction LowerLearningRate(double factor) => new(RunActionKind.LowerLearningRate, Checked(factor));

    /// <summary>The run goes back to its last good checkpoint and on from there with the next data.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="factor"/> does not lie between 0 and 1.</exception>
    public static RunAction RollBack(double factor = 1) => new(RunActionKind.RollBack, factor == 1 ? 1 : Checked(factor));

    private static double Checked(double factor) => factor is > 0 and < 1
        ? factor
        : throw new ArgumentOutOfRangeException(nameof(factor), factor, "The factor must lie between 0 and 1, e.g. 0.5.");
}

/// <summary>Kinds of actions.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunActionKind>))]
public enum RunActionKind
{
    /// <summary>Nothing is done.</summary>
    Continue,

    /// <summary>The run is ended.</summary>
    Stop,

    /// <summary>The learning rates are lowered.</summary>
    LowerLearningRate,

    /// <summary>The run goes back to its last good checkpoint, with lower learning rates if a factor says so.</summary>
    RollBack,
}

/// <summary>What a runner can do inside of a run, besides ending it.</summary>
[Flags]
public enum RunAbilities
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>It can change the learning rates.</summary>
    LowerLearningRate = 1,

    /// <summary>It can go back to an earlier state.</summary>
    RollBack = 2,
}
