namespace AutoResearch;

/// <summary>
/// Merges two changes of one text, line by line (diff3: Khanna, Kunal, Pierce 2007, "A formal investigation of diff3").
/// </summary>
internal static class LineMerge
{
    private const int MaxCells = 4_000_000; // of the table of common lines; larger changes count as conflicts

    /// <summary>
    /// The text with both changes; null when they touch the same lines. Null texts stand for files that do not exist.
    /// </summary>
    public static bool TryMerge(string? origin, string? ours, string? theirs, out string? merged)
    {
        merged = ours == origin ? theirs : ours;
        if (ours == origin || theirs == origin || ours == theirs) return true;
        if (origin is null || ours is null || theirs is null) return false;
        var (o, a, b) = (origin.Split('\n'), ours.Split('\n'), theirs.Split('\n'));
        if (Matches(o, a) is not { } inOurs || Matches(o, b) is not { } inTheirs) return false;
        var result = new List<string>();
        var (io, ia, ib) = (0, 0, 0);
        while (true)
        {
            var stable = io;
            while (stable < o.Length && (inOurs[stable] < 0 || inTheirs[stable] < 0)) stable++;
            var (ea, eb) = stable < o.Length ? (inOurs[stable], inTheirs[stable]) : (a.Length, b.Length);
            var (was, mine, other) = (o[io..stable], a[ia..ea], b[ib..eb]);
            if (mine.AsSpan().SequenceEqual(was)) result.AddRange(other);
            else if (other.AsSpan().SequenceEqual(was) || mine.AsSpan().SequenceEqual(other)) result.AddRange(mine);
            else return false;
            if (stable == o.Length) break;
            result.Add(o[stable]);
            (io, ia, ib) = (stable + 1, ea + 1, eb + 1);
        }
        merged = string.Join('\n', result);
        return true;
    }

    /// <summary>
    /// For each line of a text its place in another, along a longest common subsequence, or −1; null when that is too much work.
    /// </summary>
    private static int[]? Matches(string[] from, string[] to)
    {
        var matches = new int[from.Length];
        Array.Fill(matches, -1);
        var (start, fromEnd, toEnd) = (0, from.Length, to.Length);
        for (; start < fromEnd && start < toEnd && from[start] == to[start]; start++) matches[start] = start;
        for (; fromEnd > start && toEnd > start && from[fromEnd - 1] == to[toEnd - 1]; fromEnd--, toEnd--)
            matches[fromEnd - 1] = toEnd - 1;
        var (rows, columns) = (fromEnd - start, toEnd - start);
        if ((long)rows * columns > MaxCells) return null;
        var longest = new int[rows + 1, columns + 1];
        for (var i = rows - 1; i >= 0; i--)
        {
            for (var j = columns - 1; j >= 0; j--)
                longest[i, j] = from[start + i] == to[start + j]
                    ? longest[i + 1, j + 1] + 1
                    : Math.Max(longest[i + 1, j], longest[i, j + 1]);
        }
        for (var (i, j) = (0, 0); i < rows && j < columns;)
        {
            if (from[start + i] == to[start + j]) matches[start + i++] = start + j++;
            else if (longest[i + 1, j] >= longest[i, j + 1]) i++;
            else j++;
        }
        return matches;
    }
}
