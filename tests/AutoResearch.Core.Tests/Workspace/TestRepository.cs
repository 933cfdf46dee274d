namespace AutoResearch.Tests;

/// <summary>A small git repository in a temporary directory.</summary>
internal sealed class TestRepository : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public string Root => Path.Combine(_directory.Path, "repo");

    public string Worktrees => Path.Combine(_directory.Path, "worktrees");

    public string this[string file]
    {
        get => File.ReadAllText(Path.Combine(Root, file));
        set
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Root, file))!);
            File.WriteAllText(Path.Combine(Root, file), value);
        }
    }

    public static async Task<TestRepository> CreateAsync(params (string Path, string Content)[] files)
    {
        var repository = new TestRepository();
        Directory.CreateDirectory(repository.Root);
        await repository.GitAsync("init", "-q", "-b", "master");
        foreach (var (path, content) in files) repository[path] = content;
        await repository.CommitAllAsync("begin");
        return repository;
    }

    public async Task CommitAllAsync(string message)
    {
        await GitAsync("add", "-A");
        await GitAsync("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", message);
    }

    public Task<string> GitAsync(params string[] arguments) =>
        new GitCommand("git", Root).RunAsync(arguments, TestContext.Current.CancellationToken);

    public Task<GitWorkspace> OpenAsync(string tag = "mar5", params string[] editable) => GitWorkspace.OpenAsync(Root,
        new() { Tag = tag, Editable = editable.Length > 0 ? editable : ["train.py"], WorktreesDirectory = Worktrees },
        TestContext.Current.CancellationToken);

    public void Dispose() => _directory.Dispose();
}
