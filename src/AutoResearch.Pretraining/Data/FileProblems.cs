namespace AutoResearch.Pretraining;

/// <summary>Counts problem files and keeps the first hundred.</summary>
internal sealed class FileProblems
{
    private readonly List<FileProblem> _first = [];

    public int Count { get; private set; }

    public IReadOnlyList<FileProblem> First => _first;

    public void Add(string path, string reason)
    {
        if (Count++ < 100) _first.Add(new(path, reason));
    }
}
