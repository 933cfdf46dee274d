using System.Security.Cryptography;
using System.Text;

namespace AutoResearch;

/// <summary>
/// The files of a commit by path, with their modes and object ids, and the id of the tree they make: what git itself would name
/// it, worked out without git, so that a tree's id is known before anything is written.
/// </summary>
internal sealed class GitTree
{
    private readonly SortedDictionary<string, (string Mode, string Id)> _files;
    private readonly bool _sha256;

    private GitTree(SortedDictionary<string, (string, string)> files, bool sha256) => (_files, _sha256) = (files, sha256);

    public IReadOnlyDictionary<string, (string Mode, string Id)> Files => _files;

    /// <summary>Parses <c>git ls-tree -r -z --full-tree</c>.</summary>
    public static GitTree Parse(string listing, bool sha256)
    {
        var files = new SortedDictionary<string, (string, string)>(StringComparer.Ordinal);
        foreach (var line in listing.Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            var tab = line.IndexOf('\t', StringComparison.Ordinal);
            var fields = line[..tab].Split(' ');
            files.Add(line[(tab + 1)..], (fields[0], fields[2]));
        }

        return new(files, sha256);
    }

    /// <summary>This tree with the editable files replaced by those of a candidate. A file that stays keeps its mode.</summary>
    public GitTree With(SourceTree? source, EditableSurface surface)
    {
        var files = new SortedDictionary<string, (string Mode, string Id)>(_files, StringComparer.Ordinal);
        foreach (var path in _files.Keys.Where(p => IsText(_files[p].Mode) && surface.Allows(p) && source?.ContainsKey(p) != true)
            .ToArray())
            files.Remove(path);
        foreach (var (path, content) in source ?? Enumerable.Empty<KeyValuePair<string, string>>())
            files[path] = (_files.TryGetValue(path, out var old) && IsText(old.Mode) ? old.Mode : "100644",
                IdOf("blob", Encoding.UTF8.GetBytes(content)));
        return new(files, _sha256);
    }

    public static bool IsText(string mode) => mode is "100644" or "100755";

    /// <summary>The id of the tree object.</summary>
    public string Id => IdOf("tree", Tree(""));

    private byte[] Tree(string folder)
    {
        var entries = new List<(string Key, string Mode, string Name, string Id)>();
        string? last = null;
        foreach (var (path, (mode, id)) in _files)
        {
            if (!path.StartsWith(folder, StringComparison.Ordinal)) continue;
            var slash = path.IndexOf('/', folder.Length);
            var name = slash < 0 ? path[folder.Length..] : path[folder.Length..slash];
            if (slash < 0) entries.Add((name, mode, name, id));
            else if (name != last) entries.Add((name + "/", "40000", name, IdOf("tree", Tree($"{folder}{name}/"))));
            last = slash < 0 ? last : name;
        }

        using var bytes = new MemoryStream();
        foreach (var (_, mode, name, id) in entries.DistinctBy(e => e.Key)
            .OrderBy(e => Encoding.UTF8.GetBytes(e.Key), Bytes.Order))
        {
            bytes.Write(Encoding.UTF8.GetBytes($"{mode.TrimStart('0')} {name}\0"));
            bytes.Write(Convert.FromHexString(id));
        }

        return bytes.ToArray();
    }

    private string IdOf(string kind, byte[] content)
    {
        byte[] all = [.. Encoding.ASCII.GetBytes(FormattableString.Invariant($"{kind} {content.Length}\0")), .. content];
#pragma warning disable CA5350 // git names objects by SHA-1; security rests on the journal's SHA-256
        return Convert.ToHexStringLower(_sha256 ? SHA256.HashData(all) : SHA1.HashData(all));
#pragma warning restore CA5350
    }

    private sealed class Bytes : IComparer<byte[]>
    {
        public static Bytes Order { get; } = new();

        public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
    }
}
