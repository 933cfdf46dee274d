namespace AutoResearch.Samples.Quickstart;

/// <summary>Shows a run while it goes on.</summary>
internal interface IView : IDisposable
{
    /// <summary>Called for every event, after the history contains it.</summary>
    void Show(ResearchEvent e, ResearchHistory history);
}
