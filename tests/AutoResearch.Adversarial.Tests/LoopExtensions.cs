namespace AutoResearch.Adversarial.Tests;

internal static class LoopExtensions
{
    public static ResearchLoopBuilder CommitToIf(this ResearchLoopBuilder builder, GitWorkspace? workspace) =>
        workspace is null ? builder : builder.CommitTo(workspace);
}
