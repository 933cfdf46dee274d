using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AutoResearch;

/// <summary>
/// Seals audit scores: a runner measures every run on the audit set too, and the score travels with the result as an encrypted
/// value that neither the journal's readers nor a proposer can read. Only whoever holds the key can look, and looks are rationed
/// (<see cref="QuarantineRatchet"/>). Thread-safe.
/// </summary>
public sealed class AuditSeal
{
    /// <summary>The key of the sealed score in <see cref="RunResult.Hashes"/>.</summary>
    public const string ResultKey = "audit_sealed";

    private const int NonceLength = 12;
    private const int TagLength = 16;
    private readonly byte[] _key;

    private AuditSeal(byte[] key) => _key = key;

    /// <summary>
    /// A seal with a key of its own, which is gone with this process; scores of earlier processes cannot be read then.
    /// </summary>
    public static AuditSeal Create() => new(RandomNumberGenerator.GetBytes(32));

    /// <summary>
    /// A seal with the key in a file, which is made when there is none: readable by this user only, and best kept away from the
    /// journal and from everything that experiments can see.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is not a key.</exception>
    public static AuditSeal Open(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var file = new FileStream(path, options);
            file.Write(RandomNumberGenerator.GetBytes(32));
        }

        var key = File.ReadAllBytes(path);
        return key.Length == 32 ? new(key) : throw new InvalidDataException($"'{path}' is not a key of the audit set: "
            + $"it has {key.Length} bytes, a key has 32. Delete it to begin with a new one.");
    }

    /// <summary>Seals the score of one run.</summary>
    public string Seal(Experiment experiment, double score)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        var box = new byte[NonceLength + TagLength + sizeof(double)];
        var value = new byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(value, score);
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceLength));
        using var cipher = new AesGcm(_key, TagLength);
        cipher.Encrypt(box.AsSpan(0, NonceLength), value, box.AsSpan(NonceLength + TagLength), box.AsSpan(NonceLength, TagLength),
            Context(experiment));
        return Convert.ToBase64String(box);
    }

    /// <summary>The audit score of a run; null when it has none, or one that was not sealed for it with this key.</summary>
    public double? Read(Run run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (run.Result.Outcome != RunOutcome.Completed || run.Result.Hashes?.GetValueOrDefault(ResultKey) is not { } text)
            return null;
        var box = new byte[NonceLength + TagLength + sizeof(double)];
        if (!Convert.TryFromBase64String(text, box, out var length) || length != box.Length) return null;
        var value = new byte[sizeof(double)];
        try
        {
            using var cipher = new AesGcm(_key, TagLength);
            cipher.Decrypt(box.AsSpan(0, NonceLength), box.AsSpan(NonceLength + TagLength), box.AsSpan(NonceLength, TagLength),
                value, Context(run.Experiment));
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }

        return BinaryPrimitives.ReadDoubleLittleEndian(value) is var score && double.IsFinite(score) ? score : null;
    }

    /// <summary>A generator that nobody without the key can foresee, and that is the same for the same purpose.</summary>
    internal Random CreateRandom(string purpose) =>
        new(BinaryPrimitives.ReadInt32LittleEndian(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(purpose))));

    // A sealed score is worth nothing in the result of another run.
    private static byte[] Context(Experiment experiment) =>
        Encoding.UTF8.GetBytes($"{experiment.Id}/{experiment.Seed}/{experiment.Candidate.Id}");
}
