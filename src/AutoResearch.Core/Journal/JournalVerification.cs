namespace AutoResearch;

/// <summary>What a check of every line of a journal found.</summary>
/// <param name="Events">Good events from the start of the file.</param>
/// <param name="Bytes">Length of the good lines in bytes.</param>
/// <param name="LastHash">
/// Hash of the last good line. It fixes the whole journal up to there: noted elsewhere, it even shows whether whole lines
/// were cut off the end, which the file alone cannot.
/// </param>
/// <param name="TornBytes">Length of an unfinished line at the end, left by a writer that was killed or is just writing.</param>
/// <param name="Problem">Null when every line is good, else the sentence that opening would fail with.</param>
public sealed record JournalVerification(long Events, long Bytes, string LastHash, int TornBytes, string? Problem)
{
    /// <summary>True when every acknowledged line is there and unchanged.</summary>
    public bool IsValid => Problem is null;
}
