using System.Runtime.InteropServices;

namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>Bodies of kernels that the fake driver runs.</summary>
internal static unsafe class FakeKernels
{
    /// <summary>An image that the fake takes for a cubin.</summary>
    internal static ReadOnlySpan<byte> Cubin => "\u007fELF and nothing more"u8;

    /// <summary>scale(float* x, float factor, int n).</summary>
    [UnmanagedCallersOnly]
    internal static void Scale(void** parameters, uint* shape)
    {
        var x = *(float**)parameters[0];
        var (factor, n) = (*(float*)parameters[1], *(int*)parameters[2]);
        for (var i = 0; i < Math.Min(n, (int)(shape[0] * shape[3])); i++) x[i] *= factor;
    }

    /// <summary>scale, one element too few.</summary>
    [UnmanagedCallersOnly]
    internal static void ScaleWrongly(void** parameters, uint* shape)
    {
        var x = *(float**)parameters[0];
        var (factor, n) = (*(float*)parameters[1], *(int*)parameters[2]);
        for (var i = 0; i < n - 1; i++) x[i] *= factor;
    }

    /// <summary>scale, and one element too many.</summary>
    [UnmanagedCallersOnly]
    internal static void ScaleBeyond(void** parameters, uint* shape)
    {
        var x = *(float**)parameters[0];
        var (factor, n) = (*(float*)parameters[1], *(int*)parameters[2]);
        for (var i = 0; i < n; i++) x[i] *= factor;
        x[n] = 1;
    }

    /// <summary>arguments(void* out, char*, long long, int, unsigned, float, double, bool): writes what it got.</summary>
    [UnmanagedCallersOnly]
    internal static void Arguments(void** parameters, uint* shape)
    {
        var destination = *(long**)parameters[0];
        destination[0] = *(long*)parameters[1];
        destination[1] = *(long*)parameters[2];
        destination[2] = *(int*)parameters[3];
        destination[3] = *(int*)parameters[4];
        destination[4] = *(int*)parameters[5];
        destination[5] = *(long*)parameters[6];
        destination[6] = *(byte*)parameters[7];
        for (var i = 0; i < 7; i++) destination[7 + i] = shape[i];
    }

    /// <summary>copy_map(void* out, tensor map): writes the 128 bytes of the map.</summary>
    [UnmanagedCallersOnly]
    internal static void CopyMap(void** parameters, uint* shape) =>
        Buffer.MemoryCopy(parameters[1], *(void**)parameters[0], 128, 128);
}
