namespace AutoResearch.Tests;

public sealed class FirstRunsTests
{
    [Fact]
    public void Of_EnoughBaselineRuns_BorrowsNothing()
    {
        var search = new Searches(1, 2, 3).Propose([9], controls: [4, 5]);
        var first = FirstRuns.Of(search.State, search.Last, wanted: 3);
        Assert.Equal([1.0, 2, 3], first.Losses);
        Assert.Equal(Searches.Problem.Baseline.Id, first.BaselineId);
        Assert.Equal(0, first.BorrowedFrom(search.Last));
    }

    [Fact]
    public void Of_TooFewBaselineRuns_BorrowsControlsInTheOrderOfTheVerdicts()
    {
        var search = new Searches(1, 2).Propose([9], controls: [3]).Rejected().Propose([9]).Rejected()
            .Propose([9], controls: [4, 5, 6]);
        var first = FirstRuns.Of(search.State, search.Last, wanted: 5);
        Assert.Equal([1.0, 2, 3, 4, 5], first.Losses);
        Assert.Equal([1, 0, 2], search.State.Trials.Select(first.BorrowedFrom));
    }

    [Fact]
    public void Of_NotEnoughYet_AreAllThatThereAre()
    {
        var search = new Searches(1).Propose([9], controls: [2]);
        Assert.Equal([1.0, 2], FirstRuns.Of(search.State, search.Last, wanted: 5).Losses);
    }
}
