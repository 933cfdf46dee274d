using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

/// <summary>
/// The entry points of the CUDA driver, found by name at run time. Every one returns a status: callers pass it to
/// <see cref="CudaDevice.Check"/>. The library is never unloaded, so the table may be used from finalizers.
/// </summary>
internal sealed unsafe class CudaDriver
{
    /// <summary>
    /// Oldest CUDA version the driver must support: tensor maps, launch attributes and graph updates came with 12.0.
    /// </summary>
    internal const int OldestVersion = 12000;

    private readonly nint _library;
    private readonly string _path;

    internal CudaDriver(nint library, string path)
    {
        (_library, _path) = (library, path);
        Init = (delegate* unmanaged<uint, int>)Find("cuInit");
        DriverGetVersion = (delegate* unmanaged<int*, int>)Find("cuDriverGetVersion");
        GetErrorName = (delegate* unmanaged<int, byte**, int>)Find("cuGetErrorName");
        GetErrorString = (delegate* unmanaged<int, byte**, int>)Find("cuGetErrorString");
        int version;
        if (DriverGetVersion(&version) == 0 && version < OldestVersion) throw TooOld(version);
        Version = version;

        DeviceGetCount = (delegate* unmanaged<int*, int>)Find("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged<int*, int, int>)Find("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged<byte*, int, int, int>)Find("cuDeviceGetName");
        DeviceGetAttribute = (delegate* unmanaged<int*, int, int, int>)Find("cuDeviceGetAttribute");
        DeviceTotalMem = (delegate* unmanaged<nuint*, int, int>)Find("cuDeviceTotalMem_v2");
        DevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, int>)Find("cuDevicePrimaryCtxRetain");
        DevicePrimaryCtxRelease = (delegate* unmanaged<int, int>)Find("cuDevicePrimaryCtxRelease_v2");
        CtxSetCurrent = (delegate* unmanaged<nint, int>)Find("cuCtxSetCurrent");
        CtxSynchronize = (delegate* unmanaged<int>)Find("cuCtxSynchronize");

        MemGetInfo = (delegate* unmanaged<nuint*, nuint*, int>)Find("cuMemGetInfo_v2");
        MemAlloc = (delegate* unmanaged<nint*, nuint, int>)Find("cuMemAlloc_v2");
        MemFree = (delegate* unmanaged<nint, int>)Find("cuMemFree_v2");
        MemHostAlloc = (delegate* unmanaged<nint*, nuint, uint, int>)Find("cuMemHostAlloc");
        MemFreeHost = (delegate* unmanaged<nint, int>)Find("cuMemFreeHost");
        MemcpyHtoDAsync = (delegate* unmanaged<nint, void*, nuint, nint, int>)Find("cuMemcpyHtoDAsync_v2");
        MemcpyDtoHAsync = (delegate* unmanaged<void*, nint, nuint, nint, int>)Find("cuMemcpyDtoHAsync_v2");
        MemcpyDtoDAsync = (delegate* unmanaged<nint, nint, nuint, nint, int>)Find("cuMemcpyDtoDAsync_v2");
        MemsetD8Async = (delegate* unmanaged<nint, byte, nuint, nint, int>)Find("cuMemsetD8Async");
        MemsetD16Async = (delegate* unmanaged<nint, ushort, nuint, nint, int>)Find("cuMemsetD16Async");
        MemsetD32Async = (delegate* unmanaged<nint, uint, nuint, nint, int>)Find("cuMemsetD32Async");

        StreamCreateWithPriority = (delegate* unmanaged<nint*, uint, int, int>)Find("cuStreamCreateWithPriority");
        StreamDestroy = (delegate* unmanaged<nint, int>)Find("cuStreamDestroy_v2");
        StreamSynchronize = (delegate* unmanaged<nint, int>)Find("cuStreamSynchronize");
        StreamQuery = (delegate* unmanaged<nint, int>)Find("cuStreamQuery");
        StreamWaitEvent = (delegate* unmanaged<nint, nint, uint, int>)Find("cuStreamWaitEvent");
        StreamBeginCapture = (delegate* unmanaged<nint, int, int>)Find("cuStreamBeginCapture_v2");
        StreamEndCapture = (delegate* unmanaged<nint, nint*, int>)Find("cuStreamEndCapture");
        StreamIsCapturing = (delegate* unmanaged<nint, int*, int>)Find("cuStreamIsCapturing");
        EventCreate = (delegate* unmanaged<nint*, uint, int>)Find("cuEventCreate");
        EventDestroy = (delegate* unmanaged<nint, int>)Find("cuEventDestroy_v2");
        EventRecord = (delegate* unmanaged<nint, nint, int>)Find("cuEventRecord");
        EventSynchronize = (delegate* unmanaged<nint, int>)Find("cuEventSynchronize");
        EventQuery = (delegate* unmanaged<nint, int>)Find("cuEventQuery");
        EventElapsedTime = (delegate* unmanaged<float*, nint, nint, int>)Find("cuEventElapsedTime");

        ModuleLoadData = (delegate* unmanaged<nint*, void*, int>)Find("cuModuleLoadData");
        ModuleUnload = (delegate* unmanaged<nint, int>)Find("cuModuleUnload");
        ModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, int>)Find("cuModuleGetFunction");
        ModuleGetGlobal = (delegate* unmanaged<nint*, nuint*, nint, byte*, int>)Find("cuModuleGetGlobal_v2");
        FuncGetAttribute = (delegate* unmanaged<int*, int, nint, int>)Find("cuFuncGetAttribute");
        FuncSetAttribute = (delegate* unmanaged<nint, int, int, int>)Find("cuFuncSetAttribute");
        OccupancyMaxActiveBlocks = (delegate* unmanaged<int*, nint, int, nuint, int>)
            Find("cuOccupancyMaxActiveBlocksPerMultiprocessor");
        LaunchKernel = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)
            Find("cuLaunchKernel");
        LaunchKernelEx = (delegate* unmanaged<NativeLaunchConfig*, nint, void**, void**, int>)Find("cuLaunchKernelEx");
        TensorMapEncodeTiled =
            (delegate* unmanaged<void*, int, uint, nint, ulong*, ulong*, uint*, uint*, int, int, int, int, int>)
                Find("cuTensorMapEncodeTiled");

        GraphInstantiate = (delegate* unmanaged<nint*, nint, ulong, int>)Find("cuGraphInstantiateWithFlags");
        GraphExecUpdate = (delegate* unmanaged<nint, nint, NativeGraphUpdate*, int>)Find("cuGraphExecUpdate_v2");
        GraphGetNodes = (delegate* unmanaged<nint, nint*, nuint*, int>)Find("cuGraphGetNodes");
        GraphLaunch = (delegate* unmanaged<nint, nint, int>)Find("cuGraphLaunch");
        GraphDestroy = (delegate* unmanaged<nint, int>)Find("cuGraphDestroy");
        GraphExecDestroy = (delegate* unmanaged<nint, int>)Find("cuGraphExecDestroy");
    }

    /// <summary>CUDA version of the driver: 1000 · major + 10 · minor.</summary>
    internal int Version { get; }

    internal delegate* unmanaged<uint, int> Init { get; }
    internal delegate* unmanaged<int*, int> DriverGetVersion { get; }
    internal delegate* unmanaged<int, byte**, int> GetErrorName { get; }
    internal delegate* unmanaged<int, byte**, int> GetErrorString { get; }
    internal delegate* unmanaged<int*, int> DeviceGetCount { get; }
    internal delegate* unmanaged<int*, int, int> DeviceGet { get; }
    internal delegate* unmanaged<byte*, int, int, int> DeviceGetName { get; }
    internal delegate* unmanaged<int*, int, int, int> DeviceGetAttribute { get; }
    internal delegate* unmanaged<nuint*, int, int> DeviceTotalMem { get; }
    internal delegate* unmanaged<nint*, int, int> DevicePrimaryCtxRetain { get; }
    internal delegate* unmanaged<int, int> DevicePrimaryCtxRelease { get; }
    internal delegate* unmanaged<nint, int> CtxSetCurrent { get; }
    internal delegate* unmanaged<int> CtxSynchronize { get; }
    internal delegate* unmanaged<nuint*, nuint*, int> MemGetInfo { get; }
    internal delegate* unmanaged<nint*, nuint, int> MemAlloc { get; }
    internal delegate* unmanaged<nint, int> MemFree { get; }
    internal delegate* unmanaged<nint*, nuint, uint, int> MemHostAlloc { get; }
    internal delegate* unmanaged<nint, int> MemFreeHost { get; }
    internal delegate* unmanaged<nint, void*, nuint, nint, int> MemcpyHtoDAsync { get; }
    internal delegate* unmanaged<void*, nint, nuint, nint, int> MemcpyDtoHAsync { get; }
    internal delegate* unmanaged<nint, nint, nuint, nint, int> MemcpyDtoDAsync { get; }
    internal delegate* unmanaged<nint, byte, nuint, nint, int> MemsetD8Async { get; }
    internal delegate* unmanaged<nint, ushort, nuint, nint, int> MemsetD16Async { get; }
    internal delegate* unmanaged<nint, uint, nuint, nint, int> MemsetD32Async { get; }
    internal delegate* unmanaged<nint*, uint, int, int> StreamCreateWithPriority { get; }
    internal delegate* unmanaged<nint, int> StreamDestroy { get; }
    internal delegate* unmanaged<nint, int> StreamSynchronize { get; }
    internal delegate* unmanaged<nint, int> StreamQuery { get; }
    internal delegate* unmanaged<nint, nint, uint, int> StreamWaitEvent { get; }
    internal delegate* unmanaged<nint, int, int> StreamBeginCapture { get; }
    internal delegate* unmanaged<nint, nint*, int> StreamEndCapture { get; }
    internal delegate* unmanaged<nint, int*, int> StreamIsCapturing { get; }
    internal delegate* unmanaged<nint*, uint, int> EventCreate { get; }
    internal delegate* unmanaged<nint, int> EventDestroy { get; }
    internal delegate* unmanaged<nint, nint, int> EventRecord { get; }
    internal delegate* unmanaged<nint, int> EventSynchronize { get; }
    internal delegate* unmanaged<nint, int> EventQuery { get; }
    internal delegate* unmanaged<float*, nint, nint, int> EventElapsedTime { get; }
    internal delegate* unmanaged<nint*, void*, int> ModuleLoadData { get; }
    internal delegate* unmanaged<nint, int> ModuleUnload { get; }
    internal delegate* unmanaged<nint*, nint, byte*, int> ModuleGetFunction { get; }
    internal delegate* unmanaged<nint*, nuint*, nint, byte*, int> ModuleGetGlobal { get; }
    internal delegate* unmanaged<int*, int, nint, int> FuncGetAttribute { get; }
    internal delegate* unmanaged<nint, int, int, int> FuncSetAttribute { get; }
    internal delegate* unmanaged<int*, nint, int, nuint, int> OccupancyMaxActiveBlocks { get; }
    internal delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel { get; }
    internal delegate* unmanaged<NativeLaunchConfig*, nint, void**, void**, int> LaunchKernelEx { get; }
    internal delegate* unmanaged<void*, int, uint, nint, ulong*, ulong*, uint*, uint*, int, int, int, int,
        int> TensorMapEncodeTiled { get; }
    internal delegate* unmanaged<nint*, nint, ulong, int> GraphInstantiate { get; }
    internal delegate* unmanaged<nint, nint, NativeGraphUpdate*, int> GraphExecUpdate { get; }
    internal delegate* unmanaged<nint, nint*, nuint*, int> GraphGetNodes { get; }
    internal delegate* unmanaged<nint, nint, int> GraphLaunch { get; }
    internal delegate* unmanaged<nint, int> GraphDestroy { get; }
    internal delegate* unmanaged<nint, int> GraphExecDestroy { get; }

    /// <summary>Name and text that the driver gives a status.</summary>
    internal (string Name, string Text) Describe(int status)
    {
        byte* name = null, text = null;
        _ = GetErrorName(status, &name);
        _ = GetErrorString(status, &text);
        return (Marshal.PtrToStringUTF8((nint)name) ?? "CUDA_ERROR", Marshal.PtrToStringUTF8((nint)text) ?? "no description");
    }

    private void* Find(string name) => NativeLibrary.TryGetExport(_library, name, out var address)
        ? (void*)address
        : throw new CudaNotFoundException(CudaComponent.Driver,
            $"The CUDA driver {_path} has no function {name}. It is too old: install NVIDIA driver 525 or newer (CUDA 12.0).");

    private CudaNotFoundException TooOld(int version) => new(CudaComponent.Driver,
        $"The CUDA driver {_path} supports CUDA {version / 1000}.{version % 1000 / 10}, but 12.0 is needed. "
        + "Install NVIDIA driver 525 or newer.");
}

/// <summary>CUlaunchConfig.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeLaunchConfig
{
    public uint GridX, GridY, GridZ, BlockX, BlockY, BlockZ, SharedBytes;
    public nint Stream;
    public NativeLaunchAttribute* Attributes;
    public uint AttributeCount;
}

/// <summary>CUlaunchAttribute: an id and 64 bytes of value.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal struct NativeLaunchAttribute
{
    internal const int Cooperative = 2, ClusterDimension = 4, ProgrammaticStreamSerialization = 6;

    [FieldOffset(0)] public int Id;
    [FieldOffset(8)] public uint X;
    [FieldOffset(12)] public uint Y;
    [FieldOffset(16)] public uint Z;
}

/// <summary>CUgraphExecUpdateResultInfo.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeGraphUpdate
{
    public int Result;
    public nint ErrorNode, ErrorFromNode;
}
