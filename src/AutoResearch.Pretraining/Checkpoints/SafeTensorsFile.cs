using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using AutoResearch.Kernels;

namespace AutoResearch.Pretraining;

/// <summary>
/// Reads and writes the safetensors format: 8 bytes with the length of a JSON header (little-endian), the header with type,
/// shape and place of every tensor, then the data. Only 32-bit floats are written and read.
/// </summary>
public static class SafeTensorsFile
{
    /// <summary>Writes tensors; the file appears complete or not at all.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="tensors">Names and tensors.</param>
    /// <param name="metadata">Texts for the header's <c>__metadata__</c>.</param>
    public static void Save(
        string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        var list = tensors.OrderBy(t => t.Name, StringComparer.Ordinal).ToList();
        var header = Header(list, metadata);
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                Span<byte> length = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
                file.Write(length);
                file.Write(header);
                foreach (var (_, tensor) in list) file.Write(MemoryMarshal.AsBytes<float>(tensor.ToArray()));
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>
    /// Fills tensors from a file and returns its metadata. Tensors of the file that are not asked for are left out.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Names and tensors to fill.</param>
    /// <exception cref="InvalidDataException">The file is damaged, or a tensor is missing or of another shape; the message
    /// names it.</exception>
    public static IReadOnlyDictionary<string, string> Load(string path, IEnumerable<(string Name, Tensor Tensor)> tensors)
    {
        using var file = File.OpenRead(path);
        using var header = ReadHeader(file, path, out var start);
        var loads = tensors.Select(t =>
            (t.Tensor, At: Find(header.RootElement, t.Name, t.Tensor.Shape, path, file.Length - start))).ToList();
        CheckOverlap(loads, path);
        var metadata = ReadMetadata(header.RootElement, path);
        foreach (var (tensor, at) in loads) // all were checked before the first is changed
        {
            var values = new float[tensor.ElementCount];
            file.Position = start + at;
            file.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            tensor.CopyFrom(values);
        }

        return metadata;
    }

    /// <summary>The texts in the header's <c>__metadata__</c>; empty when there are none.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static IReadOnlyDictionary<string, string> LoadMetadata(string path)
    {
        using var file = File.OpenRead(path);
        using var header = ReadHeader(file, path, out _);
        return ReadMetadata(header.RootElement, path);
    }

    private static byte[] Header(List<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata ?? new Dictionary<string, string>()) json.WriteString(key, value);
            json.WriteEndObject();
            var offset = 0L;
            foreach (var (name, tensor) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", "F32");
                json.WriteStartArray("shape");
                for (var i = 0; i < tensor.Shape.Rank; i++) json.WriteNumberValue(tensor.Shape[i]);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.ElementCount * sizeof(float));
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (stream.Length % 8 != 0) stream.WriteByte((byte)' '); // the data begin aligned
        return stream.ToArray();
    }

    private static JsonDocument ReadHeader(FileStream file, string path, out long start)
    {
        Span<byte> length = stackalloc byte[8];
        if (file.Length < 8) throw Damaged(path, "it is shorter than 8 bytes");
        file.ReadExactly(length);
        var size = BinaryPrimitives.ReadInt64LittleEndian(length);
        if (size < 2 || size > Math.Min(file.Length - 8, 100_000_000)) throw Damaged(path, $"its header would have {size} bytes");
        var header = new byte[size];
        file.ReadExactly(header);
        start = 8 + size;
        try
        {
            var json = JsonDocument.Parse(header);
            if (json.RootElement.ValueKind == JsonValueKind.Object) return json;
            json.Dispose();
            throw Damaged(path, "its header is no JSON object");
        }
        catch (JsonException e)
        {
            throw Damaged(path, $"its header is no JSON ({e.Message})");
        }
    }

    private static void CheckOverlap(List<(Tensor Tensor, long At)> loads, string path)
    {
        var end = 0L;
        foreach (var (tensor, at) in loads.OrderBy(l => l.At))
        {
            if (at < end) throw Damaged(path, "the data of two tensors overlap");
            end = at + tensor.ElementCount * sizeof(float);
        }
    }

    private static long Find(JsonElement header, string name, Shape shape, string path, long dataLength)
    {
        if (!header.TryGetProperty(name, out var entry))
            throw new InvalidDataException($"'{path}' has no tensor '{name}'; it belongs to a model of another shape.");
        try
        {
            var type = entry.GetProperty("dtype").GetString();
            if (type != "F32")
                throw new InvalidDataException($"The tensor '{name}' in '{path}' has the type {type}; only F32 can be read.");
            var extents = entry.GetProperty("shape").EnumerateArray().Select(e => e.GetInt32()).ToList();
            if (!extents.SequenceEqual(Enumerable.Range(0, shape.Rank).Select(i => shape[i])))
                throw new InvalidDataException($"The tensor '{name}' in '{path}' has the shape [{string.Join(", ", extents)}], "
                    + $"but the model needs {shape}.");
            var (from, to) = (entry.GetProperty("data_offsets")[0].GetInt64(), entry.GetProperty("data_offsets")[1].GetInt64());
            if (from < 0 || from > to || to > dataLength || to - from != shape.ElementCount * sizeof(float))
                throw Damaged(path, $"the data of the tensor '{name}' are incomplete");
            return from;
        }
        catch (Exception e)
            when (e is KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            throw Damaged(path, $"the entry of the tensor '{name}' is malformed");
        }
    }

    private static Dictionary<string, string> ReadMetadata(JsonElement header, string path)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            if (header.TryGetProperty("__metadata__", out var metadata))
                foreach (var entry in metadata.EnumerateObject()) texts[entry.Name] = entry.Value.ToString();
            return texts;
        }
        catch (InvalidOperationException) // no object, or text that is no Unicode
        {
            throw Damaged(path, "its metadata are malformed");
        }
    }

    private static InvalidDataException Damaged(string path, string why) =>
        new($"'{path}' is no complete safetensors file: {why}. Copy the file again, or use an earlier one.");
}
