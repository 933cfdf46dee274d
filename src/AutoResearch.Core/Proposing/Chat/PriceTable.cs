namespace AutoResearch;

/// <summary>
/// The prices of models, given by the user. A model is found by its name or the longest name that it begins with, so that
/// <c>my-model</c> prices <c>my-model-2026-05-01</c>; one that is not listed costs as much as the dearest, so that a budget is
/// never overspent for want of a price. Immutable and thread-safe.
/// </summary>
public sealed class PriceTable
{
    private readonly KeyValuePair<string, ModelPrice>[] _prices;
    private readonly ModelPrice _dearest;

    /// <summary>Creates a table.</summary>
    /// <param name="prices">Names of models and their prices.</param>
    /// <exception cref="ArgumentException">There are none, a name is empty, or a price is negative.</exception>
    public PriceTable(IEnumerable<KeyValuePair<string, ModelPrice>> prices)
    {
        ArgumentNullException.ThrowIfNull(prices);
        _prices = [.. prices.OrderByDescending(p => p.Key.Length)];
        if (_prices.Length == 0) throw new ArgumentException("A price table needs at least one model.", nameof(prices));
        foreach (var (name, price) in _prices)
        {
            if (string.IsNullOrWhiteSpace(name))
                throw new ArgumentException("A model in the price table has no name.", nameof(prices));
            if (price.Input < 0 || price.Output < 0 || price.CachedInput < 0)
                throw new ArgumentException($"The price of '{name}' is negative: {price}.", nameof(prices));
        }

        _dearest = new(_prices.Max(p => p.Value.Input), _prices.Max(p => p.Value.Output));
    }

    /// <summary>A table with the same price for every model.</summary>
    public static PriceTable Flat(decimal input, decimal output) => new([new("*", new(input, output))]);

    /// <summary>The price of a model.</summary>
    public ModelPrice Of(string model)
    {
        ArgumentNullException.ThrowIfNull(model);
        foreach (var (name, price) in _prices)
        {
            if (model.StartsWith(name, StringComparison.OrdinalIgnoreCase)) return price;
        }

        return _dearest;
    }
}
