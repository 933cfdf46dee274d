using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>The entry points of cuBLASLt.</summary>
internal sealed unsafe class CublasLtLibrary
{
    // cublasLtMatmulDescAttributes_t, cublasLtMatrixLayoutAttribute_t, cublasLtMatmulPreferenceAttributes_t
    internal const int TransA = 3, TransB = 4;
    internal const int BatchCount = 5, StridedBatchOffset = 6;
    internal const int MaxWorkspaceBytes = 1, ReductionSchemeMask = 3, MinAlignmentA = 5, MinAlignmentB = 6, MinAlignmentC = 7,
        MinAlignmentD = 8;

    // cublasLtReductionScheme_t: how the parts of a sum that several blocks share are put together.
    internal const uint ReduceInComputeType = 2;

    // cublasComputeType_t and cudaDataType_t
    internal const int Compute32F = 68, Real32F = 0, Real16BF = 14;

    private readonly nint _library;
    private readonly string _path;

    internal CublasLtLibrary(CudaLibraries libraries)
    {
        (_library, _path) = libraries.Load(CudaComponent.CublasLt);
        Create = (delegate* unmanaged<nint*, int>)Find("cublasLtCreate");
        Destroy = (delegate* unmanaged<nint, int>)Find("cublasLtDestroy");
        GetVersion = (delegate* unmanaged<nuint>)Find("cublasLtGetVersion");
        GetStatusString = (delegate* unmanaged<int, byte*>)Find("cublasLtGetStatusString");
        MatmulDescCreate = (delegate* unmanaged<nint*, int, int, int>)Find("cublasLtMatmulDescCreate");
        MatmulDescDestroy = (delegate* unmanaged<nint, int>)Find("cublasLtMatmulDescDestroy");
        MatmulDescSetAttribute = (delegate* unmanaged<nint, int, void*, nuint, int>)Find("cublasLtMatmulDescSetAttribute");
        MatrixLayoutCreate = (delegate* unmanaged<nint*, int, ulong, ulong, long, int>)Find("cublasLtMatrixLayoutCreate");
        MatrixLayoutDestroy = (delegate* unmanaged<nint, int>)Find("cublasLtMatrixLayoutDestroy");
        MatrixLayoutSetAttribute = (delegate* unmanaged<nint, int, void*, nuint, int>)Find("cublasLtMatrixLayoutSetAttribute");
        PreferenceCreate = (delegate* unmanaged<nint*, int>)Find("cublasLtMatmulPreferenceCreate");
        PreferenceDestroy = (delegate* unmanaged<nint, int>)Find("cublasLtMatmulPreferenceDestroy");
        PreferenceSetAttribute = (delegate* unmanaged<nint, int, void*, nuint, int>)Find("cublasLtMatmulPreferenceSetAttribute");
        GetHeuristic = (delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, NativeHeuristic*, int*, int>)
            Find("cublasLtMatmulAlgoGetHeuristic");
        Matmul = (delegate* unmanaged<nint, nint, void*, nint, nint, nint, nint, void*, nint, nint, nint, nint, NativeAlgorithm*,
            nint, nuint, nint, int>)
            Find("cublasLtMatmul");
    }

    internal delegate* unmanaged<nint*, int> Create { get; }
    internal delegate* unmanaged<nint, int> Destroy { get; }
    internal delegate* unmanaged<nuint> GetVersion { get; }
    internal delegate* unmanaged<int, byte*> GetStatusString { get; }
    internal delegate* unmanaged<nint*, int, int, int> MatmulDescCreate { get; }
    internal delegate* unmanaged<nint, int> MatmulDescDestroy { get; }
    internal delegate* unmanaged<nint, int, void*, nuint, int> MatmulDescSetAttribute { get; }
    internal delegate* unmanaged<nint*, int, ulong, ulong, long, int> MatrixLayoutCreate { get; }
    internal delegate* unmanaged<nint, int> MatrixLayoutDestroy { get; }
    internal delegate* unmanaged<nint, int, void*, nuint, int> MatrixLayoutSetAttribute { get; }
    internal delegate* unmanaged<nint*, int> PreferenceCreate { get; }
    internal delegate* unmanaged<nint, int> PreferenceDestroy { get; }
    internal delegate* unmanaged<nint, int, void*, nuint, int> PreferenceSetAttribute { get; }
    internal delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, NativeHeuristic*, int*, int> GetHeuristic { get; }
    internal delegate* unmanaged<nint, nint, void*, nint, nint, nint, nint, void*, nint, nint, nint, nint, NativeAlgorithm*, nint,
        nuint, nint, int> Matmul { get; }

    /// <summary>Throws for any status but success.</summary>
    internal void Check(int status, string call)
    {
        if (status == 0) return;
        var name = Marshal.PtrToStringUTF8((nint)GetStatusString(status)) ?? "CUBLAS_STATUS";
        var advice = status switch
        {
            1 => " cuBLASLt could not start: its version and the driver's must fit together.",
            7 => " An address, a stride or an extent is impossible.",
            8 => " This cuBLASLt does not know the GPU: use a newer one.",
            15 => " There is no algorithm for these shapes, strides and alignments; "
                + "bfloat16 rows that begin at multiples of 16 bytes always have one.",
            _ => "",
        };
        throw new CudaException(call, status, name, FormattableString.Invariant($"{call} failed: {name} ({status}).{advice}"));
    }

    private void* Find(string name) => NativeLibrary.TryGetExport(_library, name, out var address)
        ? (void*)address
        : throw new CudaNotFoundException(CudaComponent.CublasLt,
            $"cuBLASLt {_path} has no function {name}: it is older than 12. "
            + $"Set {CudaSearch.Variable} to the folder of a newer one.");
}

/// <summary>cublasLtMatmulAlgo_t: 64 opaque bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct NativeAlgorithm
{
    public ulong First;
}

/// <summary>cublasLtMatmulHeuristicResult_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeHeuristic
{
    public NativeAlgorithm Algorithm;
    public nuint WorkspaceBytes;
    public int State;
    public float Waves;
    public int Reserved0, Reserved1, Reserved2, Reserved3;
}
