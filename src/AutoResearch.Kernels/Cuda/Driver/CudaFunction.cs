namespace AutoResearch.Kernels;

/// <summary>A kernel, ready to be launched.</summary>
public sealed unsafe class CudaFunction
{
    private const int MaxThreadsAttribute = 0, SharedAttribute = 1, LocalAttribute = 3, RegistersAttribute = 4,
        DynamicSharedAttribute = 8, NonPortableClusterAttribute = 14;

    private const int MostArguments = 128;

    private readonly CudaModule _module;
    private readonly nint _handle;
    private int? _dynamicShared;

    internal CudaFunction(CudaModule module, nint handle, string name) => (_module, _handle, Name) = (module, handle, name);

    /// <summary>Its name in the module.</summary>
    public string Name { get; }

    /// <summary>The device.</summary>
    public CudaDevice Device => _module.Device;

    /// <summary>Registers of a thread.</summary>
    public int Registers => Get(RegistersAttribute);

    /// <summary>Bytes of local memory of a thread: stack and spilled registers.</summary>
    public int LocalBytes => Get(LocalAttribute);

    /// <summary>Bytes of statically declared shared memory.</summary>
    public int StaticSharedBytes => Get(SharedAttribute);

    /// <summary>Most threads a block may have.</summary>
    public int MaxThreadsPerBlock => Get(MaxThreadsAttribute);

    /// <summary>Most bytes of dynamic shared memory a launch may ask for; 48 KiB less the static part unless raised.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The GPU has less than that.</exception>
    public int MaxDynamicSharedBytes
    {
        get => _dynamicShared ??= Get(DynamicSharedAttribute);
        set
        {
            var most = Device.MaxSharedBytesPerBlock - StaticSharedBytes;
            if (value < 0 || value > most)
            {
                throw new ArgumentOutOfRangeException(nameof(value), value,
                    $"{Name} can have 0 to {most} bytes of dynamic shared memory on {Device.Name} ({StaticSharedBytes} "
                    + "are static).");
            }

            Set(DynamicSharedAttribute, value);
            _dynamicShared = value;
        }
    }

    /// <summary>Allows clusters of more than 8 blocks, which not every GPU of the architecture can run.</summary>
    public void AllowLargeClusters() => Set(NonPortableClusterAttribute, 1);

    /// <summary>Blocks of this kernel that run on one multiprocessor at the same time.</summary>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block.</param>
    /// <returns>The number; 0 when not even one fits.</returns>
    public int ActiveBlocks(int threads, int sharedBytes = 0)
    {
        Prepare();
        int blocks;
        Device.Check(Device.Driver.OccupancyMaxActiveBlocks(&blocks, _handle, threads, (nuint)sharedBytes),
            $"cuOccupancyMaxActiveBlocks({Name})");
        return blocks;
    }

    /// <summary>Puts the kernel into a stream. Allocates nothing on the managed heap.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="launch">Grid, block and shared memory.</param>
    /// <param name="arguments">One for each parameter, in order and of the parameter's size: this cannot be checked.</param>
    /// <exception cref="ArgumentException">Grid, block or shared memory are impossible.</exception>
    public void Launch(CudaStream stream, in CudaLaunch launch, params ReadOnlySpan<KernelArgument> arguments)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Validate(launch, arguments.Length);
        Prepare();
        var values = stackalloc long[arguments.Length];
        var parameters = stackalloc void*[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
        {
            values[i] = arguments[i].Bits;
            parameters[i] = arguments[i].Location == 0 ? values + i : (void*)arguments[i].Location;
        }

        Device.LastKernel = Name;
        var status = launch.Cluster == default && !launch.Cooperative && !launch.OverlapsPrevious
            ? Device.Driver.LaunchKernel(_handle, (uint)launch.Grid.X, (uint)launch.Grid.Y, (uint)launch.Grid.Z,
                (uint)launch.Block.X, (uint)launch.Block.Y, (uint)launch.Block.Z, (uint)launch.SharedBytes, stream.Handle,
                parameters, null)
            : LaunchWithAttributes(stream, launch, parameters);
        foreach (ref readonly var argument in arguments) GC.KeepAlive(argument.Owner);
        if (status != 0)
            Device.Check(status,
                $"cuLaunchKernel({Name}, grid {launch.Grid}, block {launch.Block}, {launch.SharedBytes} bytes shared)");
        if (Device.Options.SynchronizeLaunches && !stream.IsCapturing)
            Device.Check(Device.Driver.StreamSynchronize(stream.Handle), $"cuStreamSynchronize after {Name}");
    }

    /// <summary>The name.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Name;

    private int LaunchWithAttributes(CudaStream stream, in CudaLaunch launch, void** parameters)
    {
        var attributes = stackalloc NativeLaunchAttribute[3];
        var count = 0u;
        if (launch.Cluster != default)
        {
            attributes[count++] = new()
            {
                Id = NativeLaunchAttribute.ClusterDimension,
                X = (uint)launch.Cluster.X,
                Y = (uint)launch.Cluster.Y,
                Z = (uint)launch.Cluster.Z,
            };
        }

        if (launch.Cooperative) attributes[count++] = new() { Id = NativeLaunchAttribute.Cooperative, X = 1 };
        if (launch.OverlapsPrevious)
            attributes[count++] = new() { Id = NativeLaunchAttribute.ProgrammaticStreamSerialization, X = 1 };
        var config = new NativeLaunchConfig
        {
            GridX = (uint)launch.Grid.X,
            GridY = (uint)launch.Grid.Y,
            GridZ = (uint)launch.Grid.Z,
            BlockX = (uint)launch.Block.X,
            BlockY = (uint)launch.Block.Y,
            BlockZ = (uint)launch.Block.Z,
            SharedBytes = (uint)launch.SharedBytes,
            Stream = stream.Handle,
            Attributes = attributes,
            AttributeCount = count,
        };
        return Device.Driver.LaunchKernelEx(&config, _handle, parameters, null);
    }

    private void Validate(in CudaLaunch launch, int arguments)
    {
        var (grid, block, cluster) = (launch.Grid, launch.Block, launch.Cluster);
        if (grid.X < 1 || grid.Y is < 1 or > 65535 || grid.Z is < 1 or > 65535)
            throw new ArgumentException(
                $"{Name}: the grid {grid} must be at least 1 in every extent and at most 65535 in the second and third.",
                nameof(launch));
        if (block.X < 1 || block.Y < 1 || block.Z < 1 || block.Count > 1024)
            throw new ArgumentException($"{Name}: the block {block} must have 1 to 1024 threads.", nameof(launch));
        if (cluster != default && (cluster.X < 1 || cluster.Y < 1 || cluster.Z < 1
            || grid.X % cluster.X != 0 || grid.Y % cluster.Y != 0 || grid.Z % cluster.Z != 0))
            throw new ArgumentException($"{Name}: the grid {grid} must be a multiple of the cluster {cluster} in every extent.",
                nameof(launch));
        if (launch.SharedBytes < 0 || (launch.SharedBytes > 0 && launch.SharedBytes > MaxDynamicSharedBytes))
        {
            throw new ArgumentException(
                $"{Name}: {launch.SharedBytes} bytes of dynamic shared memory are asked for, "
                + $"but at most {MaxDynamicSharedBytes} are allowed. Raise MaxDynamicSharedBytes of the function first.",
                nameof(launch));
        }

        if (arguments > MostArguments)
            throw new ArgumentException($"{Name}: {arguments} arguments are more than {MostArguments}.", nameof(arguments));
    }

    private int Get(int attribute)
    {
        Prepare();
        int value;
        Device.Check(Device.Driver.FuncGetAttribute(&value, attribute, _handle), $"cuFuncGetAttribute({Name})");
        return value;
    }

    private void Set(int attribute, int value)
    {
        Prepare();
        Device.Check(Device.Driver.FuncSetAttribute(_handle, attribute, value), $"cuFuncSetAttribute({Name})");
    }

    private void Prepare()
    {
        _ = _module.Handle; // throws when the module is gone, and with it this kernel
        Device.MakeCurrent();
    }
}
