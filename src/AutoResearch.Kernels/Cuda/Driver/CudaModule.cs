using System.Text;

namespace AutoResearch.Kernels;

/// <summary>Compiled kernels in a context.</summary>
public sealed unsafe class CudaModule : CudaResource
{
    private readonly Dictionary<string, CudaFunction> _functions = new(StringComparer.Ordinal);

    /// <summary>Loads a cubin.</summary>
    /// <param name="device">The device.</param>
    /// <param name="cubin">The ELF image, compiled for <see cref="CudaDevice.Architecture"/>.</param>
    /// <exception cref="ArgumentException">The image is no ELF file.</exception>
    /// <exception cref="CudaException">The driver refuses it, for example because it was compiled for another
    /// architecture.</exception>
    public CudaModule(CudaDevice device, ReadOnlySpan<byte> cubin)
        : base(device ?? throw new ArgumentNullException(nameof(device)))
    {
        if (!cubin.StartsWith("\u007fELF"u8))
            throw new ArgumentException("A cubin is an ELF file; this is something else.", nameof(cubin));
        device.MakeCurrent();
        nint handle;
        fixed (byte* image = cubin) device.Check(device.Driver.ModuleLoadData(&handle, image), "cuModuleLoadData");
        Own(handle);
    }

    /// <summary>A kernel of the module. The same object every time.</summary>
    /// <param name="name">Its name: as written for <c>extern "C"</c> kernels, else the lowered one.</param>
    /// <returns>The kernel; usable as long as the module is not disposed of.</returns>
    /// <exception cref="CudaException">There is no such kernel.</exception>
    public CudaFunction Function(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        lock (_functions)
        {
            if (_functions.TryGetValue(name, out var known)) return known;
            Device.MakeCurrent();
            nint function;
            fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
                Device.Check(Device.Driver.ModuleGetFunction(&function, Handle, text), $"cuModuleGetFunction({name})");
            return _functions[name] = new CudaFunction(this, function, name);
        }
    }

    /// <summary>Address and size of a global variable of the module.</summary>
    /// <param name="name">Its (lowered) name.</param>
    /// <returns>Device address and bytes.</returns>
    public (nint Address, long Bytes) Global(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Device.MakeCurrent();
        nint address;
        nuint bytes;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
            Device.Check(Device.Driver.ModuleGetGlobal(&address, &bytes, Handle, text), $"cuModuleGetGlobal({name})");
        return (address, (long)bytes);
    }

    private protected override void Destroy(CudaDriver driver, nint handle) => _ = driver.ModuleUnload(handle);
}
