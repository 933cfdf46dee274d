namespace AutoResearch.Pretraining;

/// <summary>A candidate's model as the scoring host sees it.</summary>
/// <param name="tokens">Token ids, [rows × length], row after row.</param>
/// <param name="logits">
/// To be filled, [rows × length, vocabulary]: entry (i, v) says how likely v follows the i-th token, given that token and those
/// before it in its row. Any finite numbers; the host normalises them.
/// </param>
public delegate void LogitsFunction(ReadOnlySpan<int> tokens, Span<float> logits);
