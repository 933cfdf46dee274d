using System.Globalization;

namespace AutoResearch;

/// <summary>A floating-point dimension, linear or logarithmic, continuous or with a step.</summary>
public sealed class FloatParameter : NumericParameter
{
    private readonly double _origin;
    private readonly double _span;

    internal FloatParameter(
        string name, double low, double high, bool isLog, double? step, IReadOnlyList<SearchCondition> conditions)
        : base(name, conditions, isLog)
    {
        if (!double.IsFinite(low) || !double.IsFinite(high) || !double.IsFinite(high - low))
            throw new ArgumentException(Text($"The range {low} … {high} of '{name}' must be finite."), nameof(low));
        if (low >= high)
            throw new ArgumentException(Text($"The range {low} … {high} of '{name}' is empty: low must be below high."),
                nameof(low));
        if (isLog && low <= 0)
            throw new ArgumentException(Text($"'{name}' has a log scale, so its low {low} must be above 0."), nameof(low));
        if (step is { } s && !(s > 0 && s <= high - low))
            throw new ArgumentException(
                Text($"The step {s} of '{name}' must be above 0 and at most the width {high - low} of its range."), nameof(step));
        if ((high - low) / step > 1L << 53)
            throw new ArgumentException(
                Text($"The step {step} of '{name}' is too fine for its range {low} … {high}: leave it out."), nameof(step));

        Low = low;
        Step = step;
        Count = step is null ? null : (long)Math.Floor(((high - low) / step.Value) + 1e-9) + 1;
        High = Count is { } count ? Grid(count - 1) : high;
        var half = (step ?? 0) / 2;
        _origin = isLog ? Math.Log(low) : low - half;
        _span = (isLog ? Math.Log(High) : High + half) - _origin;
    }

    /// <summary>The lowest value.</summary>
    public double Low { get; }

    /// <summary>The highest value; with a step, the highest one that the steps from <see cref="Low"/> reach.</summary>
    public double High { get; }

    /// <summary>The distance between values; null when continuous.</summary>
    public double? Step { get; }

    /// <inheritdoc/>
    public override long? Count { get; }

    /// <inheritdoc/>
    public override IEnumerable<ParameterValue> Values
    {
        get
        {
            if (Count is not { } count)
                throw new InvalidOperationException($"'{Name}' is continuous: its values cannot be listed.");
            for (var i = 0L; i < count; i++) yield return Grid(i);
        }
    }

    /// <inheritdoc/>
    public override string Range =>
        Text($"{Low} … {High}") + (IsLog ? " (log)" : Step is { } step ? Text($" (step {step})") : "");

    /// <inheritdoc/>
    public override string? Violation(ParameterValue value)
    {
        if (value.Kind is not (ParameterKind.Float or ParameterKind.Integer))
            return $"{Name} = {value} is of kind {value.Kind}, but must be a number in {Range}";
        var number = value.AsFloat();
        if (!(number >= Low && number <= High))
            return $"{Name} = {value} is outside {Range}: choose a value inside, or widen the range";
        if (Step is not { } step) return null;
        return IsOnStep(number, step)
            ? null
            : Text($"{Name} = {value} is not on the steps of {Range}: the nearest value is {Nearest(number, step)}");
    }

    // 0.1 + 0.2 and 0.3 are the same step, so they must be the same candidate.
    internal override ParameterValue Normalize(ParameterValue value)
    {
        if (value.Kind is not (ParameterKind.Float or ParameterKind.Integer)) return value;
        var number = value.AsFloat();
        return Step is { } step && number >= Low && number <= High && IsOnStep(number, step) ? Nearest(number, step) : number;
    }

    internal override double ToUnit(ParameterValue value)
    {
        var number = value.AsFloat();
        return Math.Clamp(((IsLog ? Math.Log(number) : number) - _origin) / _span, 0, 1);
    }

    internal override ParameterValue FromUnit(double unit)
    {
        var place = _origin + (unit * _span);
        if (Count is { } count) return Grid(Math.Clamp((long)Math.Round((place - Low) / Step!.Value), 0, count - 1));
        return Math.Clamp(IsLog ? Math.Exp(place) : place, Low, High);
    }

    internal override (double Low, double High) Cell(ParameterValue value)
    {
        var unit = ToUnit(value);
        var half = (Step ?? 0) / (2 * _span);
        return (unit - half, unit + half);
    }

    private bool IsOnStep(double number, double step) =>
        Math.Abs(((number - Low) / step) - Math.Round((number - Low) / step)) <= 1e-6;

    private double Nearest(double number, double step) => Grid((long)Math.Round((number - Low) / step));

    // Decimal arithmetic makes 0.1 + 2 × 0.1 the 0.3 that a person would write.
    private double Grid(long index) =>
        Math.Abs(Low) is 0 or (> 1e-10 and < 1e10) && Step is > 1e-10 and < 1e10 && index < 1_000_000_000
            ? (double)((decimal)Low + (index * (decimal)Step.Value))
            : Low + (index * Step!.Value);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
