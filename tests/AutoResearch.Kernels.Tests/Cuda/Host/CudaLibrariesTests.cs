namespace AutoResearch.Kernels.Tests.Cuda;

public sealed class CudaLibrariesTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("autoresearch-root-").FullName;
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("usr/local/cuda/lib64/libcublasLt.so.12")]
    [InlineData("usr/local/cuda-12.4/targets/x86_64-linux/lib/libcublasLt.so.12")]
    [InlineData("usr/lib/x86_64-linux-gnu/libcublasLt.so.13")]
    [InlineData("usr/local/lib/python3.12/site-packages/nvidia/cublas/lib/libcublasLt.so.12")]
    [InlineData("usr/local/lib/python3.12/dist-packages/nvidia/cu13/lib/libcublasLt.so.13")]
    [InlineData("usr/lib/python3/dist-packages/torch/lib/libcublasLt-672ee683.so.12")]
    [InlineData("opt/conda/lib/python3.11/site-packages/torch/lib/libcublasLt.so.12")]
    [InlineData("home/me/.local/lib/python3.10/site-packages/nvidia/cublas/lib/libcublasLt.so.12")]
    [InlineData("home/me/.nuget/packages/libtorch-cuda-12.8-linux-x64/2.10.0/runtimes/linux-x64/native/libcublasLt.so.12")]
    [InlineData("venv/lib/python3.13/site-packages/nvidia/cublas/lib/libcublasLt.so.12")]
    [InlineData("conda/lib/libcublasLt.so.12")]
    [InlineData("toolkit/lib64/libcublasLt.so.12")]
    [InlineData("named/libcublasLt.so.12")]
    public void Find_UsualPlace_IsFound(string place)
    {
        _environment["HOME"] = At("home/me");
        _environment["VIRTUAL_ENV"] = At("venv");
        _environment["CONDA_PREFIX"] = At("conda");
        _environment["CUDA_HOME"] = At("toolkit");
        _environment[CudaSearch.Variable] = At("elsewhere") + Path.PathSeparator + At("named");
        Put(place);
        Assert.Equal(At(place), Libraries().Find(CudaComponent.CublasLt));
    }

    [Fact]
    public void Find_NuGetFolderMoved_IsFound()
    {
        _environment["NUGET_PACKAGES"] = At("packages");
        Put("packages/libtorch-cuda-12.8-linux-x64-part2/2.10.0/runtimes/linux-x64/native/libcublasLt.so.12");
        Assert.NotNull(Libraries().Find(CudaComponent.CublasLt));
    }

    [Fact]
    public void Find_SeveralPlaces_NamedOneFirstThenTheNewest()
    {
        Put("usr/local/cuda-12.4/lib64/libcublasLt.so.12");
        Put("usr/local/cuda-12.10/lib64/libcublasLt.so.12");
        Assert.Equal(At("usr/local/cuda-12.10/lib64/libcublasLt.so.12"), Libraries().Find(CudaComponent.CublasLt));
        Put("mine/libcublasLt.so.12");
        _environment["CUDA_PATH"] = At("usr/local/cuda-12.4");
        Assert.Equal(At("usr/local/cuda-12.4/lib64/libcublasLt.so.12"), Libraries().Find(CudaComponent.CublasLt));
        _environment[CudaSearch.Variable] = At("mine");
        Assert.Equal(At("mine/libcublasLt.so.12"), Libraries().Find(CudaComponent.CublasLt));
        _environment[CudaSearch.Variable] = At("usr/local/cuda-12.10/lib64/libcublasLt.so.12"); // a file is welcome too
        Assert.Equal(At("usr/local/cuda-12.10/lib64/libcublasLt.so.12"), Libraries().Find(CudaComponent.CublasLt));
    }

    [Theory]
    [InlineData(0, "libnvrtc.so.13")]
    [InlineData(13000, "libnvrtc.so.13")]
    [InlineData(12080, "libnvrtc.so.12")]
    public void Names_DriverVersion_OlderLibraryFirstWhereTheNewerOneCannotRun(int driver, string first) =>
        Assert.Equal(first,
            new CudaSearch(_ => null, _root, useLoader: false, windows: false).Names(CudaComponent.Nvrtc, driver)[0]);

    [Fact]
    public void Names_Windows_AreDlls()
    {
        var search = new CudaSearch(_ => null, _root, useLoader: false, windows: true);
        Assert.Equal(["nvcuda.dll"], search.Names(CudaComponent.Driver));
        Assert.Equal("cublasLt64_12.dll", search.Names(CudaComponent.CublasLt, 12040)[0]);
        Assert.Null(search.Pattern(CudaComponent.Nvrtc));
    }

    [Theory]
    [InlineData(CudaComponent.Driver, "libcuda.so.1", "--gpus all")]
    [InlineData(CudaComponent.Nvrtc, "libnvrtc.so.12", "pip install nvidia-cuda-nvrtc-cu12")]
    [InlineData(CudaComponent.CublasLt, "libcublasLt.so.12", "pip install nvidia-cublas-cu12")]
    public void Load_Nowhere_ListsNamesPlacesAndTheCure(CudaComponent component, string name, string cure)
    {
        Directory.CreateDirectory(At("usr/local/cuda/lib64"));
        var error = Assert.Throws<CudaNotFoundException>(() => Libraries().Load(component));
        Assert.Equal(component, error.Component);
        foreach (var part in (string[])[name, cure, CudaSearch.Variable, At("usr/local/cuda/lib64")])
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Null(Libraries().Find(component));
    }

    [Fact]
    public void Load_FileIsNoLibrary_IsReportedAndTheSearchGoesOn()
    {
        Directory.CreateDirectory(At("usr/local/cuda/lib64"));
        File.WriteAllText(At("usr/local/cuda/lib64/libcublasLt.so.12"), "no library");
        Assert.Contains("found, but it cannot be loaded",
            Assert.Throws<CudaNotFoundException>(() => Libraries().Load(CudaComponent.CublasLt)).Message,
            StringComparison.Ordinal);
        Put("usr/lib/x86_64-linux-gnu/libcublasLt.so.12");
        Assert.Equal(At("usr/lib/x86_64-linux-gnu/libcublasLt.so.12"), Libraries().Find(CudaComponent.CublasLt));
    }

    [Fact]
    public void Driver_LibraryWithoutItsFunctions_SaysWhichIsMissing()
    {
        Put("usr/lib64/libcuda.so.1"); // some other library under its name
        var error = Assert.Throws<CudaNotFoundException>(() => Libraries().Driver());
        Assert.Contains("has no function cuInit", error.Message, StringComparison.Ordinal);
    }

    private CudaLibraries Libraries() =>
        new(new CudaSearch(name => _environment.GetValueOrDefault(name), _root, useLoader: false, windows: false));

    private string At(string path) => Path.Combine(_root, path);

    // Any loadable library will do: what is looked for is a file that loads. It is part of the runtime, so it is everywhere.
    private void Put(string place)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "File names of Linux.");
        Directory.CreateDirectory(Path.GetDirectoryName(At(place))!);
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        File.Copy(Path.Combine(runtime, "libSystem.Native.so"), At(place));
    }
}
