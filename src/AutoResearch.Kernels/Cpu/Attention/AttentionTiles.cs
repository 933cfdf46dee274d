namespace AutoResearch.Kernels;

/// <summary>
/// Micro-kernels of attention: C[rows × columns] (+)= A · B over depth steps. Element (i, p) of A is a[i · aRow + p · aStep], so
/// that A may be a row-major block or the transpose of one without packing; B and C are row-major. As in the tiles of the matrix
/// product every accumulator is a named local and no call is made while they live.
/// </summary>
internal static unsafe partial class AttentionTiles
{
}
