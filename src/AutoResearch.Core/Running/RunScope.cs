namespace AutoResearch;

/// <summary>What a runner may tell the loop that has called it, through whatever decorators are in between.</summary>
/// <param name="begin">Called when the run truly begins, after a wait: its time counts from here.</param>
/// <param name="waiting">Called with what it waits for.</param>
internal sealed class RunScope(Action begin, Action<string> waiting)
{
    private static readonly AsyncLocal<RunScope?> s_current = new();

    /// <summary>The scope of the run that this code belongs to; null outside of a loop.</summary>
    public static RunScope? Current
    {
        get => s_current.Value;
        set => s_current.Value = value;
    }

    public void Begin() => begin();

    public void Waiting(string what) => waiting(what);
}
