namespace AutoResearch.Kernels;

/// <summary>A native library of CUDA that the kernels use. None is shipped with the package.</summary>
public enum CudaComponent
{
    /// <summary>The driver (<c>libcuda.so.1</c>, <c>nvcuda.dll</c>): comes with the NVIDIA display driver.</summary>
    Driver,

    /// <summary>The run-time compiler of CUDA C++ (<c>libnvrtc</c>), version 12 or 13. Works on machines without a GPU.</summary>
    Nvrtc,

    /// <summary>NVIDIA's matrix multiplication (<c>libcublasLt</c>), version 12 or 13.</summary>
    CublasLt,
}
