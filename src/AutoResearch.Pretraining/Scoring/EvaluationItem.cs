namespace AutoResearch.Pretraining;

/// <summary>Why a row is asked.</summary>
internal enum ItemKind
{
    /// <summary>For the score.</summary>
    Score,

    /// <summary>Again, in other company.</summary>
    Repeat,

    /// <summary>With another continuation after the cut.</summary>
    Twin,
}

/// <summary>One row of a question.</summary>
/// <param name="Kind">Why it is asked.</param>
/// <param name="Set">The text it comes from.</param>
/// <param name="Row">The row of that text.</param>
/// <param name="Cut">The last position of a twin that is as in the row.</param>
/// <param name="Start">Where a twin's continuation begins in the pool.</param>
internal readonly record struct EvaluationItem(ItemKind Kind, int Set, int Row, int Cut = 0, int Start = 0);
