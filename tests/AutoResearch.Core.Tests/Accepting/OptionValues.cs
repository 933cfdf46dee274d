using System.Globalization;

namespace AutoResearch.Tests;

/// <summary>
/// Sets one option by name, and looks whether it is taken or refused with a message that names it and its value.
/// </summary>
internal static class OptionValues
{
    public static void Check<T>(T options, string name, object value, bool allowed, Action<T> validate)
    {
        var property = typeof(T).GetProperty(name)!;
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        property.SetValue(options, Convert.ChangeType(value, type, CultureInfo.InvariantCulture));
        if (allowed) validate(options);
        else Assert.Matches(
            $@"^{typeof(T).Name}\.{name} is {string.Create(CultureInfo.InvariantCulture, $"{value}")}; it \w+ .+\.$",
            Assert.Throws<ArgumentException>(() => validate(options)).Message);
    }
}
