namespace AutoResearch;

/// <summary>
/// The files behind a sandbox's descriptors for one start: what it reads, and what it reports. Out of the program's sight.
/// </summary>
internal sealed class LaunchFiles : IDisposable
{
    public LaunchFiles(SandboxLaunch launch)
    {
        var name = Path.Combine(Path.GetTempPath(), $"autoresearch-{Guid.NewGuid():N}");
        (Status, Input) = (name + ".status", name + ".input");
        File.WriteAllBytes(Input, launch.Input ?? []);
        File.WriteAllBytes(Status, []);
    }

    public string Status { get; }

    public string Input { get; }

    public void Dispose()
    {
        File.Delete(Status);
        File.Delete(Input);
    }
}
