using AutoResearch.Tests;
using FsCheck.Fluent;

namespace AutoResearch.Core.Tests.Proposing;

public sealed class SearchSpaceTests
{
    [Fact]
    public void Sample_AnySpace_LiesInTheSpace() =>
        Prop.ForAll(Spaces.Any.ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (space, seed) =>
        {
            var random = new Random(seed);
            for (var i = 0; i < 20; i++)
            {
                var point = space.Sample(random);
                Assert.Null(space.Validate(point));
                Assert.Equal(point, space.Normalize(point));
                Assert.Equal(point.Keys.Order(), space.Active(point).Select(p => p.Name).Order());
            }
        }).Verify();

    [Fact]
    public void Enumerate_FiniteSpace_ListsEveryPointOnce()
    {
        var space = new SearchSpace().Int("a", 1, 3).Bool("b").When("b", true, s => s.Categorical("c", "x", "y"));

        var points = space.Enumerate().ToList();

        Assert.Equal(space.Size, points.Count);
        Assert.Equal(9, points.Distinct().Count());
        Assert.All(points, p => Assert.True(space.Contains(p)));
    }

    [Fact]
    public void Validate_InactiveMissingOrOutside_NamesTheParameter()
    {
        var space = new SearchSpace().Categorical("optimizer", "sgd", "muon")
            .When("optimizer", "muon", s => s.Float("momentum", 0.8, 0.99)).Int("depth", 2, 8, step: 2);

        Assert.Contains("momentum", space.Validate(ParameterSet.Of(("optimizer", "sgd"), ("momentum", 0.9), ("depth", 4))),
            StringComparison.Ordinal);
        Assert.Contains("momentum", space.Validate(ParameterSet.Of(("optimizer", "muon"), ("depth", 4))),
            StringComparison.Ordinal);
        Assert.Contains("depth = 3", space.Validate(ParameterSet.Of(("optimizer", "sgd"), ("depth", 3))),
            StringComparison.Ordinal);
        Assert.Contains("depth = 4.0", space.Validate(ParameterSet.Of(("optimizer", "sgd"), ("depth", 4.0))),
            StringComparison.Ordinal);
        Assert.Null(space.Validate(ParameterSet.Of(("optimizer", "sgd"), ("depth", 4), ("unknown", 1))));
    }

    [Fact]
    public void Normalize_SameStepInOtherDigits_IsTheSameCandidate()
    {
        var space = new SearchSpace().Float("x", 0, 1, step: 0.1);
        var (sum, literal) = (ParameterSet.Of(("x", 0.1 + 0.2)), ParameterSet.Of(("x", 0.3)));
        Assert.NotEqual(literal, sum);
        Assert.Null(space.Validate(sum));
        Assert.Equal(literal, space.Normalize(sum));
        Assert.Equal(ParameterSet.Of(("x", 1.0)), space.Normalize(ParameterSet.Of(("x", 1))));
        Assert.Contains("nearest value is 0.3", space.Validate(ParameterSet.Of(("x", 0.31))), StringComparison.Ordinal);
        Assert.Equal(ParameterSet.Of(("x", 0.31)), space.Normalize(ParameterSet.Of(("x", 0.31))));
        Assert.Equal(ParameterSet.Of(("x", "high")), space.Normalize(ParameterSet.Of(("x", "high"))));
    }

    [Fact]
    public void Build_Nonsense_Throws()
    {
        Assert.Throws<ArgumentException>(() => new SearchSpace().Float("x", 2, 1));
        Assert.Throws<ArgumentException>(() => new SearchSpace().Float("x", double.NaN, 1));
        Assert.Throws<ArgumentException>(() => new SearchSpace().LogFloat("x", 0, 1));
        Assert.Throws<ArgumentException>(() => new SearchSpace().Int("x", 1, 5, step: 9));
        Assert.Throws<ArgumentException>(() => new SearchSpace().Categorical("x"));
        Assert.Throws<ArgumentException>(() => new SearchSpace().Categorical("x", 1, 1));
        Assert.Throws<ArgumentException>(() => new SearchSpace().Bool("x").Bool("x"));
        Assert.Throws<ArgumentException>(() => new SearchSpace().Bool("x").When("y", true, s => s));
        Assert.Throws<ArgumentException>(() => new SearchSpace().Categorical("x", "a").When("x", "b", s => s.Bool("y")));
        Assert.Throws<ArgumentException>(() => new SearchSpace().Float("x", 0, 1).When("x", 0.5, s => s.Bool("y")));
    }

    [Fact]
    public void With_ACopiedCandidate_HasAnIdOfItsOwn()
    {
        var candidate = Candidate.Of(("a", 1));
        Assert.NotEqual(candidate.Id, (candidate with { Parameters = ParameterSet.Of(("a", 2)) }).Id);
        Assert.NotEqual(Candidate.Of(("a", 1)).Id, Candidate.Of(("a", 1.0)).Id);
    }

    [Fact]
    public void Between_TwoPoints_TurnsOneIntoTheOther() =>
        Prop.ForAll(Spaces.Any.ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (space, seed) =>
        {
            var random = new Random(seed);
            var (from, to) = (space.Sample(random), space.Sample(random));
            Assert.Equal(to, ParameterChange.Between(from, to).ApplyTo(new() { Parameters = from }).Parameters);
        }).Verify();
}
