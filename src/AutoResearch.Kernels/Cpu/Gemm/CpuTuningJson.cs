using System.Text.Json.Serialization;

namespace AutoResearch.Kernels;

/// <summary>What a <see cref="CpuTuningFile"/> holds.</summary>
/// <param name="Machine">The machine that the settings are for.</param>
/// <param name="Tuning">The settings.</param>
internal sealed record CpuTuningRecord(string Machine, CpuTuning Tuning);

/// <summary>
/// Reads and writes without reflection; a file with a setting that this version does not know counts as damaged.
/// </summary>
[JsonSourceGenerationOptions(
    WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(CpuTuningRecord))]
internal sealed partial class CpuTuningJson : JsonSerializerContext;
