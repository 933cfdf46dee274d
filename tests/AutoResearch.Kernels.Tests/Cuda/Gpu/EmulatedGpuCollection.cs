namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>The emulator runs one launch at a time in a process.</summary>
[CollectionDefinition(nameof(EmulatedGpu))]
public sealed class EmulatedGpuCollection;
