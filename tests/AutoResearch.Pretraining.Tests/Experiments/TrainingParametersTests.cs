namespace AutoResearch.Pretraining.Tests;

public sealed class TrainingParametersTests
{
    [Fact]
    public void All_NamesAreUniqueAndDefaultsValid()
    {
        Assert.Equal(TrainingParameters.All.Count, TrainingParameters.All.Select(p => p.Name).Distinct().Count());
        new TrainingSetup().Validate();
        Assert.All(TrainingParameters.All, p => Assert.Equal(p.Kind, p.Default.Kind));
    }

    [Fact]
    public void Set_EveryParameter_ChangesExactlyItself()
    {
        foreach (var parameter in TrainingParameters.All)
        {
            var value = parameter.Default;
            ParameterValue other = value.Kind switch
            {
                ParameterKind.Integer => value.AsInteger() + 8,
                ParameterKind.Float => value.AsFloat() + 0.125,
                ParameterKind.Boolean => !value.AsBoolean(),
                _ => "L",
            };
            var setup = TrainingParameters.Apply(new TrainingSetup(), [new(parameter.Name, other)]);
            // The gate is never wider than the model, so its default grows only in a wide one; everything else reads back.
            Assert.True(parameter.Get(setup) == other, $"{parameter.Name}: {parameter.Get(setup)} instead of {other}");
        }
    }

    [Fact]
    public void Apply_UnknownName_NamesTheNearest() => Assert.Contains("'matrix_lr'",
        Assert.Throws<ArgumentException>(() => TrainingParameters.Apply(new(), [new("matrx_lr", 0.1)])).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Apply_WrongType_SaysWhatItMustBe() => Assert.Contains("must be an integer",
        Assert.Throws<ArgumentException>(() => TrainingParameters.Apply(new(), [new("depth", "deep")])).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Apply_DepthAlone_WidthFollows()
    {
        Assert.Equal(384, TrainingParameters.Apply(new(), [new("depth", 6)]).Model.Dim);
        Assert.Equal(128, TrainingParameters.Apply(new(), [new("depth", 6), new("dim", 128)]).Model.Dim);
    }
}
