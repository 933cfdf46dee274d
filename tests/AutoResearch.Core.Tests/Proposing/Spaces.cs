using FsCheck;
using FsCheck.Fluent;

namespace AutoResearch.Core.Tests.Proposing;

/// <summary>Random search spaces, with conditions.</summary>
internal static class Spaces
{
    public static Gen<SearchSpace> Any =>
        from low in Gen.Choose(-50, 50)
        from width in Gen.Choose(1, 40)
        from step in Gen.Choose(1, 5)
        from choices in Gen.Choose(1, 4)
        from numbers in Gen.Elements(true, false)
        from conditional in Gen.Elements(true, false)
        select Build(low, width, Math.Min(step, width), choices, numbers, conditional);

    private static SearchSpace Build(int low, int width, int step, int choices, bool numbers, bool conditional)
    {
        var space = new SearchSpace().Categorical("kind", [.. Enumerable.Range(0, choices).Select(i => (ParameterValue)$"k{i}")])
            .Bool("flag");
        if (numbers)
            space = space.Int("n", low, low + width, step).Float("grid", low, low + width, 0.25 * step)
                .LogInt("power", 1, 1 + width).LogFloat("rate", 1e-4, 10);
        return conditional
            ? space.When("kind", "k0",
                s => s.Float("inner", low, low + width).Bool("more").When("more", true, t => t.Int("deep", 0, width)))
            : space;
    }
}
