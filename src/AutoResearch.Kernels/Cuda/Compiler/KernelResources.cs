namespace AutoResearch.Kernels;

/// <summary>What a compiled kernel needs, as the assembler reports it.</summary>
/// <param name="Name">Lowered name of the kernel.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="StackBytes">Stack of a thread in bytes.</param>
/// <param name="SpillStoreBytes">Bytes of registers that are written to local memory for want of registers.</param>
/// <param name="SpillLoadBytes">Bytes that are read back.</param>
/// <param name="SharedBytes">Static shared memory of a block in bytes.</param>
/// <param name="Barriers">Named barriers of a block.</param>
public sealed record KernelResources(
    string Name, int Registers, int StackBytes, int SpillStoreBytes, int SpillLoadBytes, int SharedBytes, int Barriers)
{
    /// <summary>True when registers are spilled.</summary>
    public bool Spills => SpillStoreBytes > 0 || SpillLoadBytes > 0;
}
