using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// Mirror images of the kernels' parameter structs (Cuda/Kernels/attention*.cu*): the same fields in the same order, and the same
/// size, since a launch reads as many bytes as the kernel declares. Tensor maps align theirs to 64.
/// </summary>
internal static class AttentionParameters
{
    /// <summary>128 opaque bytes; structs of them must lie on a multiple of 64.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    internal struct Map
    {
    }

    /// <summary>AttentionMask.</summary>
    internal struct Mask
    {
        internal nint Start;
        internal int Queries, Keys, Window, Diagonal;

        internal Mask(in AttentionProblem p) =>
            (Start, Queries, Keys, Window, Diagonal) = (p.DocumentStarts, p.Queries, p.Keys, p.Window, p.Keys - p.Queries);
    }

    /// <summary>AttentionRows.</summary>
    internal struct Rows
    {
        internal nint Lse, Delta;
        internal int Padded;
    }

    /// <summary>AttentionForward of attention_forward_sm90.cu.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 576)]
    internal struct HopperForward
    {
        internal Map Q, K, V, O;
        internal Mask Mask;
        internal nint Lse;
        internal int Heads, Group, Batch;
        internal float ScaleLog2;
    }

    /// <summary>AttentionBackward of attention_backward_sm90.cuh.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 1024)]
    internal struct HopperBackward
    {
        internal Map Q, K, V, Dout, Dq, Dk, Dv;
        internal Mask Mask;
        internal Rows Rows;
        internal nint DqSum;
        internal int Heads, Group;
        internal float Scale, ScaleLog2;
    }

    /// <summary>AttentionForward of attention_forward_sm80.cu.</summary>
    internal struct Forward
    {
        internal AttentionTensor Q, K, V, O;
        internal Mask Mask;
        internal nint Lse;
        internal int Heads, Group;
        internal float ScaleLog2;
    }

    /// <summary>AttentionBackward of attention_backward_sm80.cuh.</summary>
    internal struct Backward
    {
        internal AttentionTensor Q, K, V, Dout, Dq, Dk, Dv;
        internal Mask Mask;
        internal Rows Rows;
        internal int Heads, Group;
        internal float Scale, ScaleLog2;
    }

    /// <summary>AttentionPrepare.</summary>
    internal struct Prepare
    {
        internal AttentionTensor O, Dout;
        internal nint Lse, Lse2, Delta;
        internal int Queries, Padded;
    }

    /// <summary>AttentionConvert.</summary>
    internal struct Convert
    {
        internal nint DqSum;
        internal AttentionTensor Dq;
        internal int Queries, Padded;
        internal float Scale;
    }
}
