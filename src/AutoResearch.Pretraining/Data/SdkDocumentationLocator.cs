using System.Globalization;
using System.Runtime.InteropServices;

namespace AutoResearch.Pretraining;

/// <summary>Finds the XML documentation files in the reference packs of the installed .NET SDK.</summary>
internal static class SdkDocumentationLocator
{
    /// <summary>Name (pack, version and file) and path of each file, in the order of the names.</summary>
    /// <exception cref="CorpusException">No pack with documentation was found; the message lists where was looked.</exception>
    public static List<(string Name, string Path)> Find() => Find(CandidateRoots());

    public static List<(string Name, string Path)> Find(IEnumerable<string> roots)
    {
        var looked = new List<string>();
        foreach (var root in roots.Where(r => r.Length > 0).Distinct(StringComparer.Ordinal))
        {
            var packs = Path.Combine(root, "packs");
            looked.Add(packs);
            if (!Directory.Exists(packs)) continue;
            var files = Directory.EnumerateDirectories(packs, "*.Ref").SelectMany(FilesOf)
                .OrderBy(f => f.Name, StringComparer.Ordinal).ToList();
            if (files.Count > 0) return files;
        }

        throw new CorpusException(
            "No XML documentation of a .NET SDK was found. Looked for *.Ref/<version>/ref/net*/*.xml in: "
            + $"{(looked.Count == 0 ? "nowhere (no dotnet installation is known)" : string.Join(", ", looked))}. "
            + "Install the .NET SDK (the runtime alone has no documentation), set DOTNET_ROOT to its folder, "
            + "or give a folder of text files instead.");
    }

    private static IEnumerable<string> CandidateRoots()
    {
        yield return Environment.GetEnvironmentVariable("DOTNET_ROOT") ?? "";

        // <root>/shared/Microsoft.NETCore.App/<version>/
        yield return Parent(Path.TrimEndingDirectorySeparator(RuntimeEnvironment.GetRuntimeDirectory()), 3);
        yield return Parent(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "", 1);

        var executable = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
        foreach (var folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
        {
            if (folder.Length == 0) continue;
            var file = new FileInfo(Path.Combine(folder, executable));
            if (!file.Exists) continue;
            yield return Parent((file.ResolveLinkTarget(returnFinalTarget: true) ?? file).FullName, 1);
        }
    }

    private static string Parent(string path, int levels)
    {
        for (; levels > 0 && path.Length > 0; levels--) path = Path.GetDirectoryName(path) ?? "";
        return path;
    }

    // The files of the newest version of a pack, for its newest framework.
    private static IEnumerable<(string Name, string Path)> FilesOf(string pack)
    {
        var version = Directory.EnumerateDirectories(pack).MaxBy(d => VersionKey(Path.GetFileName(d)));
        var references = version is null ? null : Path.Combine(version, "ref");
        if (!Directory.Exists(references)) yield break;
        var framework = Directory.EnumerateDirectories(references, "net*").MaxBy(d => VersionKey(Path.GetFileName(d)));
        if (framework is null) yield break;
        foreach (var file in Directory.EnumerateFiles(framework, "*.xml", SearchOption.AllDirectories))
        {
            var inside = Path.GetRelativePath(framework, file).Replace('\\', '/');
            yield return ($"{Path.GetFileName(pack)}/{Path.GetFileName(version)}/{inside}", file);
        }
    }

    // Orders "9.0.4", "10.0.0-rc.2", "10.0.0", "net10.0": by numbers, a release after its previews, then by name.
    private static (Version Number, bool IsRelease, string Name) VersionKey(string name)
    {
        var dash = name.IndexOf('-', StringComparison.Ordinal);
        var number = (dash < 0 ? name : name[..dash]).TrimStart("abcdefghijklmnopqrstuvwxyz".ToCharArray());
        if (!number.Contains('.', StringComparison.Ordinal)) number += ".0";
        return (Version.TryParse(number, out var parsed) ? parsed : new Version(0, 0), dash < 0,
            name.ToString(CultureInfo.InvariantCulture));
    }
}
