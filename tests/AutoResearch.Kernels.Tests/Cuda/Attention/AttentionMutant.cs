namespace AutoResearch.Kernels.Tests.Cuda;

/// <summary>A kernel text with one mistake in it, and whether the emulator shows it.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="File">The file that is changed.</param>
/// <param name="Edits">Text and its replacement, each everywhere in the file; a text that is not there fails the test.</param>
internal sealed record AttentionMutant(string Name, string File, params (string Find, string Replace)[] Edits)
{
    /// <summary>The pass that runs the file.</summary>
    internal enum Pass
    {
        Forward,
        Deterministic,
        Fast,
    }

    internal Pass Runs { get; init; } = Pass.Forward;

    internal bool Hopper { get; init; } = true;

    internal int HeadDim { get; init; } = 64;

    /// <summary>
    /// Runs the mutant on cases that between them have every kind of mask, several heads to a key head, more blocks than buffers,
    /// several tiles to a block and rows that see nothing. The first thing seen wrong, or null.
    /// </summary>
    internal string? Symptom()
    {
        AttentionCase[] cases =
        [
            new(HeadDim, 450) { Heads = 2, Seed = 1, Multiprocessors = 1 },
            new(HeadDim, 300) { Window = 70, Heads = 1, Seed = 2, Multiprocessors = 1 },
            new(HeadDim, 130) { Batch = 2, Documents = true, Seed = 0 },
            new(HeadDim, 300) { Keys = 100, Heads = 1, Seed = 4, Layout = AttentionCaseLayout.HeadMajor },
            new(HeadDim, 450) { Heads = 1, Seed = 5, Multiprocessors = 2 },
            new(HeadDim, 450) { Heads = 1, Seed = 6, Multiprocessors = 1 },
        ];
        foreach (var test in cases)
        {
            using var attention = new EmulatedAttention(test, Hopper, Patch);
            if (Runs == Pass.Forward) attention.Forward();
            else attention.Backward(Runs == Pass.Deterministic);
            var error = Runs == Pass.Forward ? attention.ForwardError() : attention.BackwardError();
            if (error is not null) return $"{test}: {error}";
        }

        return null;
    }

    /// <summary>The names of a list, for a theory with a case for each.</summary>
    internal static IEnumerable<TheoryDataRow<string>> Names(IEnumerable<AttentionMutant> mutants) =>
        mutants.Select(m => new TheoryDataRow<string>(m.Name));

    /// <summary>Checks one of a list.</summary>
    internal static void Check(IEnumerable<AttentionMutant> mutants, string name) => mutants.Single(m => m.Name == name).Check();

    /// <summary>Checks all mutants of kernels for sm_80.</summary>
    internal static void CheckAmpere(IEnumerable<AttentionMutant> mutants) =>
        Assert.Multiple([.. mutants.Select(m => (Action)(() => (m with { Hopper = false }).Check()))]);

    /// <summary>Fails unless the emulator shows the mistake.</summary>
    private void Check()
    {
        EmulatorToolchain.Require();
        var text = EmulatorToolchain.KernelText(File);
        foreach (var (find, _) in Edits)
            Assert.True(text.Contains(find, StringComparison.Ordinal), $"{Name}: {File} has no text {find}");
        Assert.True(Symptom() is not null, $"Not noticed: {Name}");
    }

    private string Patch(string file, string text)
    {
        if (file != File) return text;
        foreach (var (find, replace) in Edits) text = text.Replace(find, replace, StringComparison.Ordinal);
        return text;
    }
}
