namespace AutoResearch.Testing;

/// <summary>
/// A proposer that answers from a script. The script is indexed by the number of the next trial, not by a counter, so
/// that a resumed loop gets the same proposals.
/// </summary>
public sealed class ScriptedProposer : IHypothesisProposer
{
    private readonly Func<ResearchState, Hypothesis?> _script;

    /// <summary>Creates a proposer from a function of the state; null ends the loop.</summary>
    public ScriptedProposer(Func<ResearchState, Hypothesis?> script) =>
        _script = script ?? throw new ArgumentNullException(nameof(script));

    /// <summary>How often it was asked.</summary>
    public int Calls { get; private set; }

    /// <summary>A proposer that sets one parameter to these values, one after the other, and then has nothing left.</summary>
    public static ScriptedProposer Values(string parameter, params ParameterValue[] values)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(parameter);
        ArgumentNullException.ThrowIfNull(values);
        return new(state => state.NextTrial > values.Length ? null : Set(state, parameter, values[state.NextTrial - 1]));
    }

    /// <summary>
    /// A proposer without end that sets an integer parameter to the number of the trial: every candidate is new.
    /// </summary>
    public static ScriptedProposer Counting(string parameter)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(parameter);
        return new(state => Set(state, parameter, state.NextTrial));
    }

    /// <summary>A hypothesis that sets one parameter of the incumbent.</summary>
    public static Hypothesis Set(ResearchState state, string parameter, ParameterValue value)
    {
        ArgumentNullException.ThrowIfNull(state);
        return new()
        {
            ParentId = state.Incumbent.Candidate.Id,
            Change = ParameterChange.Of((parameter, value)),
            Title = $"{parameter} = {value}",
            Proposer = "script",
        };
    }

    /// <inheritdoc/>
    public ValueTask<Hypothesis?> ProposeAsync(ResearchState state, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(state);
        cancellationToken.ThrowIfCancellationRequested();
        Calls++;
        return ValueTask.FromResult(_script(state));
    }
}
