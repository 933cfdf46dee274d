using System.Collections;
using System.Reflection;

namespace AutoResearch.Tests;

/// <summary>Equality by content for records whose lists and dictionaries compare by reference.</summary>
internal static class Deep
{
    public static void Equal(object? expected, object? actual)
    {
        if (Difference(expected, actual, "") is { } difference) Assert.Fail(difference);
    }

    public static string? Difference(object? a, object? b, string path)
    {
        if (ReferenceEquals(a, b)) return null;
        if (a is null || b is null) return $"{path}: {a ?? "null"} ≠ {b ?? "null"}";
        if (a is double x && b is double y) return BitConverter.DoubleToInt64Bits(x) == BitConverter.DoubleToInt64Bits(y)
            || (double.IsNaN(x) && double.IsNaN(y)) ? null : $"{path}: {x:R} ≠ {y:R}";
        var type = a.GetType();
        if (a is not IEnumerable && type != b.GetType()) return $"{path}: {type} ≠ {b.GetType()}";
        if (type.IsPrimitive || a is string or decimal or TimeSpan or DateTimeOffset or Enum or ParameterValue)
            return a.Equals(b) ? null : $"{path}: {a} ≠ {b}";
        if (a is IReadOnlyDictionary<string, double> m && b is IReadOnlyDictionary<string, double> n)
            return Sequences(m.OrderBy(p => p.Key), n.OrderBy(p => p.Key), path);
        if (a is IReadOnlyDictionary<string, string> s && b is IReadOnlyDictionary<string, string> t)
            return Sequences(s.OrderBy(p => p.Key), t.OrderBy(p => p.Key), path);
        if (a is IEnumerable first) return b is IEnumerable second ? Sequences(first, second, path) : $"{path}: no sequence";
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetIndexParameters().Length > 0) continue;
            if (Difference(property.GetValue(a), property.GetValue(b), $"{path}.{property.Name}") is { } difference)
                return difference;
        }
        return null;
    }

    private static string? Sequences(IEnumerable a, IEnumerable b, string path)
    {
        var left = a.Cast<object?>().ToArray();
        var right = b.Cast<object?>().ToArray();
        if (left.Length != right.Length) return $"{path}: {left.Length} items ≠ {right.Length} items";
        for (var i = 0; i < left.Length; i++)
            if (Difference(left[i], right[i], $"{path}[{i}]") is { } difference) return difference;
        return null;
    }
}
