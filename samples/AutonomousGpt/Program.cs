// The whole of autonomous research: a language model edits train.cs, every version runs in a sandbox, a trusted host scores it, a
// ratchet keeps what is truly better, and git holds what was kept. Without a key a script plays the model.
using AutoResearch;
using AutoResearch.Pretraining;
using AutoResearch.Samples;
using AutoResearch.Samples.AutonomousGpt;

if (!CommandLine.TryRead(args, Options.Parse, Options.Help, out var options, out var exitCode)) return exitCode;
using var stop = CommandLine.StopOnControlC();

try
{
    var clients = Researchers.Clients(options);
    var scripted = clients.Count == 0;
    var budget = options.Budget ?? TimeSpan.FromSeconds(scripted ? 5 : 60);
    var trials = scripted
        ? Math.Min(options.Experiments ?? int.MaxValue, ScriptedResearcher.Ideas.Count)
        : options.Experiments ?? 40;

    Console.WriteLine("Preparing the text …");
    var corpus = options.Data is null ? Corpus.FromSdkDocumentation() : Corpus.FromDirectory(options.Data);
    var data = new PretrainingData(corpus, validationBytes: scripted ? 96 << 10 : 256 << 10, DataCache.Default);
    options.Save();
    var seal = AuditSeal.Open(Path.Combine(options.Out, "audit.key"));
    var host = new GptScoringHost(data, new()
    {
        VocabularySize = 1024,
        SequenceLength = 128,
        StartupTime = TimeSpan.FromMinutes(1),
        AuditBytes = 32 << 10,
        Seal = seal,
    });
    host.Prepare();
    var policy = new SandboxPolicy
    {
        Readable = [AppContext.BaseDirectory],
        Hidden = options.Data is { } folder ? [folder, .. CandidateProject.TextOfTheSdk] : CandidateProject.TextOfTheSdk,
        MemoryBytes = 8L << 30,
    }.WithDotNet();
    var sandbox = options.NoSandbox is { } reason ? Sandbox.None(reason) : Sandbox.Require(policy);
    await using var workspace = await GitWorkspace.OpenAsync(CandidateProject.Create(options.Out),
        new() { Tag = "night", Editable = ["train.cs"], ResultsDirectory = options.Out });
    await using var runner = new ProcessRunner(CandidateProject.Run, new()
    {
        Workspace = workspace,
        Sandbox = sandbox,
        Host = host,
        Build = CandidateProject.Build,
        BuildTime = TimeSpan.FromSeconds(60),
        ProgramFile = CandidateProject.Program,
    });
    var problem = new ResearchProblem("autonomous-gpt")
    {
        Objective = Objective.Minimize("val_bpb", "bits/byte"),
        Baseline = workspace.Baseline(),
        Editable = workspace.Editable,
        Budget = Budget.TrainingTime(budget),
        Instructions = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "program.md"), stop.Token),
    };
    using var ledger = ChatLedger.Open(options.Out);
    Console.WriteLine("Researcher: " + (scripted
        ? "the script (set ANTHROPIC_API_KEY or OPENAI_API_KEY, or give --endpoint, for a model)"
        : string.Join(", ", clients.Select(c => c.Name))));
    Console.WriteLine(
        $"Sandbox: {sandbox.Describe().Name}; {budget.TotalSeconds:0.#} s of training a run; repository {workspace.Root}");

    await using var loop = ResearchLoop.Create(problem)
        .ProposeWith(Researchers.Proposer(clients, ledger))
        .RunWith(runner)
        .AcceptWith(new QuarantineRatchet(new SimplicityRule(new NoOpGuard(new AdaptiveRatchet())), new() { Seal = seal }))
        .RecordTo(options.Out)
        .CommitTo(workspace)
        .WithSeed(options.Seed)
        .Configure(o =>
        {
            o.MaxTrials = trials;
            o.ClaimRounds = scripted ? 0 : 8; // the short form measures the total gain only
        })
        .Build();

    var view = new View(problem.Objective);
    try
    {
        await foreach (var e in options.Resume
            ? loop.ResumeAsync(cancellationToken: stop.Token)
            : loop.RunAsync(cancellationToken: stop.Token))
            view.Show(e, loop.History);
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
    }

    await new ResearchReport(loop.History).WriteAsync(options.Out);
    Console.WriteLine();
    Console.WriteLine(new ResearchReport(loop.History).Headline);
    var verification = await workspace.VerifyAsync(loop.History);
    Console.WriteLine($"commits: {verification.Commits} of {loop.History.State.Incumbent.Version} kept versions are there"
        + (verification.Problems.Count == 0 ? ", and agree with their journal entries" : "")
        + string.Concat(verification.Problems.Select(p => $"\n  {p}")));
    Console.WriteLine($"kept:    git -C {workspace.Root} log {workspace.Branch}");
    Console.WriteLine($"report:  {Path.GetFullPath(Path.Combine(options.Out, "report.html"))}");
    if (stop.IsCancellationRequested) Console.WriteLine($"go on:   --resume {options.Out}");
    return loop.History.Stop?.Reason == StopReason.Failed ? 1 : 0;
}
catch (Exception e) when (e is CorpusException or ArgumentException or InvalidOperationException or IOException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
