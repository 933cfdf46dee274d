namespace AutoResearch.Kernels;

/// <summary>
/// Micro-kernels: C[rows × columns] (+)= A · B over depth steps. A is packed [depth][rows], B [depth][columns], C has the row stride
/// ldc. Every accumulator is a named local and no call is made while they live, so that all of them stay in registers.
/// </summary>
internal static unsafe partial class GemmTiles
{
}
