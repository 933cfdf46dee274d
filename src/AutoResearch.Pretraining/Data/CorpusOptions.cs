using System.Globalization;

namespace AutoResearch.Pretraining;

/// <summary>How text is divided and cached.</summary>
public sealed record CorpusOptions
{
    /// <summary>Share of the groups that becomes the validation split.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>Share of the groups that becomes the audit split, which no experiment is measured on.</summary>
    /// <value>The default is 0.05.</value>
    public double AuditFraction { get; init; } = 0.05;

    /// <summary>
    /// Bound on a document cut from a file, in bytes. Longer files are cut at blank lines, else at line ends or spaces.
    /// </summary>
    /// <value>The default is 4,096.</value>
    public int MaximumDocumentBytes { get; init; } = 4096;

    /// <summary>
    /// Bytes of files read from a folder, in the order of their paths; the report says how many files were left out.
    /// </summary>
    /// <value>The default is 1 GiB.</value>
    public long MaximumBytes { get; init; } = 1L << 30;

    /// <summary>Where prepared text is kept between processes; null to read the source always.</summary>
    /// <value>The default is <see cref="DataCache.Default"/>.</value>
    public DataCache? Cache { get; init; } = DataCache.Default;

    internal void Validate()
    {
        if (!(ValidationFraction is > 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(ValidationFraction), ValidationFraction,
                "ValidationFraction must be above 0 and below 1: without validation text no score can be computed.");
        }

        if (!(AuditFraction is >= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(AuditFraction), AuditFraction,
                "AuditFraction must be at least 0 and below 1.");
        if (ValidationFraction + AuditFraction >= 1)
        {
            throw new ArgumentOutOfRangeException(nameof(ValidationFraction), ValidationFraction + AuditFraction,
                "ValidationFraction and AuditFraction together must leave something to train on (less than 1).");
        }

        if (MaximumDocumentBytes < 16)
        {
            throw new ArgumentOutOfRangeException(nameof(MaximumDocumentBytes), MaximumDocumentBytes,
                "MaximumDocumentBytes must be at least 16.");
        }

        if (MaximumBytes <= 0)
            throw new ArgumentOutOfRangeException(nameof(MaximumBytes), MaximumBytes, "MaximumBytes must be positive.");
    }

    // Everything that decides the content; part of the cache key.
    internal string ContentKey => string.Create(CultureInfo.InvariantCulture,
        $"{ValidationFraction:R}|{AuditFraction:R}|{MaximumDocumentBytes}|{MaximumBytes}");
}
