using System.Globalization;

namespace AutoResearch;

/// <summary>An integer dimension, linear or logarithmic, optionally with a step.</summary>
public sealed class IntegerParameter : NumericParameter
{
    private const long Limit = 1L << 53; // up to here a double holds every integer
    private readonly double _origin;
    private readonly double _span;

    internal IntegerParameter(string name, long low, long high, bool isLog, long step, IReadOnlyList<SearchCondition> conditions)
        : base(name, conditions, isLog)
    {
        if (low >= high)
            throw new ArgumentException(Text($"The range {low} … {high} of '{name}' is empty: low must be below high."),
                nameof(low));
        if (low < -Limit || high > Limit)
            throw new ArgumentException(Text($"The range {low} … {high} of '{name}' must lie within ±2^53."), nameof(low));
        if (isLog && low <= 0)
            throw new ArgumentException(Text($"'{name}' has a log scale, so its low {low} must be above 0."), nameof(low));
        if (step < 1 || step > high - low)
            throw new ArgumentException(
                Text($"The step {step} of '{name}' must be at least 1 and at most the width {high - low} of its range."),
                nameof(step));

        Low = low;
        High = low + ((high - low) / step * step);
        Step = step;
        _origin = Scale(Low - (step / 2.0));
        _span = Scale(High + (step / 2.0)) - _origin;
    }

    /// <summary>The lowest value.</summary>
    public long Low { get; }

    /// <summary>The highest value that the steps from <see cref="Low"/> reach.</summary>
    public long High { get; }

    /// <summary>The distance between values; 1 unless set.</summary>
    public long Step { get; }

    /// <inheritdoc/>
    public override long? Count => ((High - Low) / Step) + 1;

    /// <inheritdoc/>
    public override IEnumerable<ParameterValue> Values
    {
        get
        {
            for (var value = Low; value <= High; value += Step) yield return value;
        }
    }

    /// <inheritdoc/>
    public override string Range =>
        Text($"{Low} … {High}") + (IsLog ? " (integer, log)" : Step > 1 ? Text($" (integer, step {Step})") : " (integer)");

    /// <inheritdoc/>
    public override string? Violation(ParameterValue value)
    {
        if (value.Kind != ParameterKind.Integer)
            return $"{Name} = {value} is of kind {value.Kind}, but must be an integer in {Range}; "
                + "integers are written without a point";
        var number = value.AsInteger();
        if (number < Low || number > High)
            return $"{Name} = {value} is outside {Range}: choose a value inside, or widen the range";
        var rest = (number - Low) % Step;
        return rest == 0
            ? null
            : Text($"{Name} = {value} is not on the steps of {Range}: ")
                + Text($"the nearest values are {number - rest} and {number - rest + Step}");
    }

    internal override double ToUnit(ParameterValue value) => Math.Clamp((Scale(value.AsInteger()) - _origin) / _span, 0, 1);

    internal override ParameterValue FromUnit(double unit)
    {
        var place = _origin + (unit * _span);
        var steps = Math.Round(((IsLog ? Math.Exp(place) : place) - Low) / Step);
        return Low + (Math.Clamp((long)steps, 0, (High - Low) / Step) * Step);
    }

    internal override (double Low, double High) Cell(ParameterValue value)
    {
        var number = value.AsInteger();
        return ((Scale(number - (Step / 2.0)) - _origin) / _span, (Scale(number + (Step / 2.0)) - _origin) / _span);
    }

    private double Scale(double value) => IsLog ? Math.Log(value) : value;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
