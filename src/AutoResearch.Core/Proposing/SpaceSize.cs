using System.Numerics;

namespace AutoResearch;

/// <summary>Counts the points of a search space with conditions.</summary>
internal static class SpaceSize
{
    /// <summary>
    /// The number of points, capped at <see cref="long.MaxValue"/>; null when a reachable parameter is continuous.
    /// </summary>
    public static long? Of(IReadOnlyList<SearchParameter> parameters)
    {
        // Only the values that conditions name make a difference further down; all others of a parameter count as one case.
        var named = parameters.SelectMany(p => p.Conditions).GroupBy(c => c.Parameter, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.SelectMany(c => c.Values).Distinct().ToArray(), StringComparer.Ordinal);
        var size = Count(0, new(StringComparer.Ordinal));
        return size is null ? null : (long)BigInteger.Min(size.Value, long.MaxValue);

        BigInteger? Count(int index, Dictionary<string, ParameterValue> values)
        {
            BigInteger product = 1;
            for (; index < parameters.Count; index++)
            {
                var parameter = parameters[index];
                if (!parameter.IsActive(values)) continue;
                if (parameter.Count is not { } count) return null;
                if (!named.TryGetValue(parameter.Name, out var cases))
                {
                    product *= count;
                    continue;
                }
                BigInteger? sum = count > cases.Length ? (count - cases.Length) * Count(index + 1, values) : 0;
                foreach (var value in cases)
                {
                    values[parameter.Name] = value;
                    sum += Count(index + 1, values);
                    values.Remove(parameter.Name);
                }
                return product * sum;
            }
            return product;
        }
    }
}
