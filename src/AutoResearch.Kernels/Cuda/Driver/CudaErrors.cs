namespace AutoResearch.Kernels;

/// <summary>What the driver's status codes mean for the caller.</summary>
internal static class CudaErrors
{
    internal const int OutOfMemory = 2;
    internal const int NotReady = 600;
    internal const int GraphUpdateFailure = 910;

    /// <summary>True for errors after which the primary context refuses all work until the process ends.</summary>
    internal static bool IsSticky(int status) => status is
        214 or 220 or 226 or                // uncorrectable ECC, NVLink, contained
        >= 700 and <= 702 and not 701 or    // illegal address, launch timeout; 701 is a launch that needs too many resources
        709 or 710 or                       // context destroyed, assert in a kernel
        >= 714 and <= 719 or                // stack, instruction, alignment, address space, program counter, launch failure
        721 or 999;                         // tensor memory leak, unknown

    /// <summary>What to do about a status; empty where the driver's text says it all.</summary>
    internal static string Advice(int status) => status switch
    {
        1 => "An argument is invalid: most often a size, an address or an attribute that this GPU does not support.",
        3 => "The driver is not initialised, or the process is ending.",
        4 => "The driver is shutting down: dispose of CUDA objects before the process ends.",
        34 => "The stub library of the toolkit was loaded instead of the driver: remove .../stubs from the library path.",
        36 => "The driver is older than the library needs: update the NVIDIA driver.",
        46 => "The GPU is used exclusively by another process or has failed: look at nvidia-smi.",
        100 => "No GPU is visible: check nvidia-smi, CUDA_VISIBLE_DEVICES, "
            + "and that a container was started with its GPUs (--gpus all).",
        101 => "There is no such GPU: the first has index 0, and CUDA_VISIBLE_DEVICES hides and renumbers them.",
        200 or 300 => "The compiled kernel is damaged or for another GPU: delete the cubin cache.",
        209 => "The kernel was compiled for another architecture than this GPU's.",
        214 => "The GPU's memory reported an uncorrectable error: reset or replace the GPU.",
        222 => "The compiler is newer than the driver: update the driver or use an NVRTC of the driver's CUDA version.",
        500 => "The name was not found in the module: kernels need extern \"C\", templates their lowered name.",
        700 or 716 or 717 or 718 or 719 => "A kernel read or wrote outside its memory. "
            + "Set AUTORESEARCH_CUDA_SYNC=1 to learn which, or run under compute-sanitizer.",
        701 => "The launch asks for more threads, registers or shared memory than the GPU has.",
        702 => "A kernel ran longer than the display driver allows.",
        720 => "A cooperative launch needs a grid that fits on the GPU at once.",
        802 or 803 => "The driver and its services do not fit together or are not ready: restart nvidia-fabricmanager, "
            + "or reboot after a driver update.",
        804 => "The installed CUDA compatibility package does not support this GPU.",
        900 or 901 or 906 => "The call is not allowed while the stream is captured into a graph.",
        _ => "",
    };
}
