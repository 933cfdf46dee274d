namespace AutoResearch.Kernels;

/// <summary>How a tensor map permutes 16-byte pieces in shared memory, so that columns are read without bank conflicts.</summary>
public enum TensorSwizzle
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>Within 32 bytes.</summary>
    Bytes32 = 1,

    /// <summary>Within 64 bytes.</summary>
    Bytes64 = 2,

    /// <summary>Within 128 bytes: the layout that wgmma wants for bf16 tiles 64 elements wide.</summary>
    Bytes128 = 3,
}
