namespace AutoResearch.Pretraining;

/// <summary>One parameter of a <see cref="TrainingSetup"/>: what candidates, command lines and documentation call it.</summary>
/// <param name="Name">Lower case with underscores, e.g. <c>matrix_lr</c>.</param>
/// <param name="Kind">The type of its values.</param>
/// <param name="Description">One line, without its default.</param>
/// <param name="Get">Reads it from a setup.</param>
/// <param name="Set">A setup with another value.</param>
public sealed record TrainingParameter(
    string Name,
    ParameterKind Kind,
    string Description,
    Func<TrainingSetup, ParameterValue> Get,
    Func<TrainingSetup, ParameterValue, TrainingSetup> Set)
{
    /// <summary>The value in the default setup; derived values (width, heads …) are those of the default depth.</summary>
    public ParameterValue Default => Get(new TrainingSetup());

    /// <summary>The option of a command line, e.g. <c>--matrix-lr</c>.</summary>
    public string Option => "--" + Name.Replace('_', '-');
}
