using System.Globalization;
using System.Text.RegularExpressions;

namespace AutoResearch.Kernels;

/// <summary>What NVRTC and its assembler say about a compilation.</summary>
public sealed partial class CompileReport
{
    private CompileReport(
        IReadOnlyList<KernelResources> kernels, IReadOnlyList<string> notes, IReadOnlyList<CompilerMessage> messages) =>
        (Kernels, PerformanceNotes, Messages) = (kernels, notes, messages);

    /// <summary>Resources of every kernel, in the order of the report.</summary>
    public IReadOnlyList<KernelResources> Kernels { get; }

    /// <summary>
    /// The assembler's notes C7500 to C7599: it serialised wgmma instructions or ignored setmaxnreg, and the kernel is slow.
    /// </summary>
    public IReadOnlyList<string> PerformanceNotes { get; }

    /// <summary>Warnings and errors.</summary>
    public IReadOnlyList<CompilerMessage> Messages { get; }

    /// <summary>Reads a log of NVRTC that was made with <c>--ptxas-options=-v</c>.</summary>
    /// <param name="log">The log; empty for an empty report.</param>
    /// <returns>The report.</returns>
    public static CompileReport Parse(string log)
    {
        ArgumentNullException.ThrowIfNull(log);
        var kernels = new List<KernelResources>();
        var notes = new List<string>();
        var messages = new List<CompilerMessage>();
        string? kernel = null;
        int stack = 0, stores = 0, loads = 0;
        var inProperties = false;
        foreach (var line in log.Split('\n'))
        {
            if (Entry().Match(line) is { Success: true } entry)
            {
                (kernel, stack, stores, loads, inProperties) = (entry.Groups[1].Value, 0, 0, 0, false);
            }
            else if (Properties().Match(line) is { Success: true } properties)
            {
                // Device functions that were not inlined are listed too; only the kernel's own figures are wanted.
                inProperties = properties.Groups[1].Value == kernel;
            }
            else if (inProperties && Frame().Match(line) is { Success: true } frame)
            {
                (stack, stores, loads, inProperties) =
                    (Number(frame.Groups[1]), Number(frame.Groups[2]), Number(frame.Groups[3]), false);
            }
            else if (kernel is not null && Used().Match(line) is { Success: true } used)
            {
                kernels.Add(new(kernel, Number(used.Groups[1]), stack, stores, loads, Number(Shared().Match(line).Groups[1]),
                    Number(Barriers().Match(line).Groups[1])));
                kernel = null;
            }
            else if (Note().IsMatch(line))
            {
                notes.Add(line.Trim());
            }
            else if (FrontEnd().Match(line) is { Success: true } message)
            {
                messages.Add(new(message.Groups[1].Value, Number(message.Groups[2]),
                    message.Groups[3].Value.EndsWith("error", StringComparison.Ordinal), message.Groups[4].Value.Trim()));
            }
            else if (Assembler().Match(line) is { Success: true } assembly)
            {
                messages.Add(new("ptx", Number(assembly.Groups[1]), assembly.Groups[2].Value is "error" or "fatal",
                    assembly.Groups[3].Value.Trim()));
            }
        }

        return new(kernels, notes, messages);
    }

    private static int Number(Group group) =>
        group.Success ? int.Parse(group.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"Compiling entry function '([^']+)'")]
    private static partial Regex Entry();

    [GeneratedRegex(@"Function properties for (\S+)")]
    private static partial Regex Properties();

    [GeneratedRegex(@"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")]
    private static partial Regex Frame();

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex Used();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex Shared();

    [GeneratedRegex(@"used (\d+) barriers")]
    private static partial Regex Barriers();

    [GeneratedRegex(@"\(C75\d\d\)|Potential Performance Loss")]
    private static partial Regex Note();

    [GeneratedRegex(@"^(.*?)\((\d+)\): ((?:catastrophic )?error|warning|remark)\b[^:]*: (.*)$")]
    private static partial Regex FrontEnd();

    [GeneratedRegex(@"^ptxas (?:.*line (\d+); )?(error|fatal|warning)\s*: (.*)$")]
    private static partial Regex Assembler();
}
