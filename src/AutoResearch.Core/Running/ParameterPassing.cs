namespace AutoResearch;

/// <summary>
/// How a <see cref="ProcessRunner"/> hands a candidate's parameters to the program, besides placeholders in its arguments.
/// </summary>
public enum ParameterPassing
{
    /// <summary>By placeholders only. The default.</summary>
    None,

    /// <summary>As further arguments, <c>--name value</c>.</summary>
    Arguments,

    /// <summary>
    /// As environment variables, <c>AUTORESEARCH_NAME</c> in capitals, other characters than letters and digits as underscores.
    /// </summary>
    Environment,
}
