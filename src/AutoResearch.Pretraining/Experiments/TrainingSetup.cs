namespace AutoResearch.Pretraining;

/// <summary>Everything that a candidate decides about a training run. Immutable.</summary>
public sealed record TrainingSetup
{
    /// <summary>The model.</summary>
    public GptConfig Model { get; init; } = new();

    /// <summary>How it is trained.</summary>
    public TrainingOptions Training { get; init; } = new();

    /// <summary>Returns this setup when it can be run.</summary>
    /// <exception cref="ArgumentException">It cannot; the message names the value and the fix.</exception>
    public TrainingSetup Validate()
    {
        Model.Validate();
        Training.Validate(Model.SequenceLength);
        return this;
    }
}
