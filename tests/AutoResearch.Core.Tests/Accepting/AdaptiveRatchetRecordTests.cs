using System.Globalization;

namespace AutoResearch.Tests;

/// <summary>
/// A loop that is resumed after an update of the library must go on as it would have done. The numbers were recorded on
/// 2026-11-21; whoever changes them changes what running searches decide, and says so in the changelog.
/// </summary>
public sealed class AdaptiveRatchetRecordTests
{
    private static readonly string[] s_names =
        ["gain", "se", "p_better", "sigma", "incumbent", "incumbent_se", "drift", "run_value", "run_price"];

    private static readonly string[] s_recorded =
    [
        "Reject -0.0173954823 0.013203599 0.0062861196 0.0111803399 1 0.005 1.47987938E-06 0 1.21973567E-05",
        "Candidate×2 -0.000150454239 0.00594501101 0.170358979 0.0111803399 1.00210314 0.00506909009 1.47987938E-06 "
        + "0.000187447347 1.18585412E-05",
        "Incumbent×1 0.00290632897 0.00581753165 0.398609687 0.0111803399 1.00210314 0.00506909009 1.47987938E-06 0.000722282498 "
        + "1.18585412E-05",
        "Accept 0.0339169387 0.00632350371 0.999997582 0.00679705819 0.998250087 0.00402195417 1.48054737E-06 0 1.04123777E-05",
        "Accept 0.0407438613 0.00719546854 0.999998943 0.00615460532 0.99825135 0.00402971001 1.48078019E-06 0 0.000329634613",
        "Reject -0.00378294161 0.00442687368 0.0304879961 0.00615460532 0.963433953 0.00445131267 1.48078019E-06 0 "
        + "0.000322309399",
        "Accept 0.0130536643 0.00616855029 0.942926401 0.00615460532 0.964168336 0.00286282159 1.48078019E-06 0 0.000302165062",
        "Reject -0.00520913626 0.00540112528 0.0204184718 0.00641580081 0.949819657 0.00451782331 -1.83485566E-05 0 "
        + "0.000448344137",
        "Accept 0.0250223061 0.00798075443 0.989702738 0.00624160975 0.956712384 0.00318678603 -0.000134874432 0 0.000372470514",
        "Accept 0.024426717 0.00808907118 0.987056166 0.00624160975 0.956256818 0.00318069788 -0.000134874432 0 0.000372470514",
        "Reject -0.00139701329 0.00322053663 0.0868209476 0.00624160975 0.93634382 0.00469323948 -0.000255500504 0 "
        + "0.000621488802",
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task JudgeAsync_RecordedSearch_IsJudgedAsItWas(bool remembers)
    {
        var ratchet = new AdaptiveRatchet();
        var judged = new List<Verdict>();
        await WalkAsync(async search => judged.Add(await search.JudgeAsync(remembers ? ratchet : new AdaptiveRatchet())));
        var lines = judged.Select(v => $"{Kind(v)} " + string.Join(' ',
            s_names.Select(n => v.Statistics.GetValueOrDefault(n).ToString("G9", CultureInfo.InvariantCulture)))).ToArray();
        foreach (var line in lines) TestContext.Current.TestOutputHelper!.WriteLine($"\"{line}\",");
        Assert.Equal(s_recorded.Length, lines.Length);
        foreach (var (expected, actual) in s_recorded.Zip(lines, (a, b) => (a.Split(' '), b.Split(' '))))
        {
            Assert.Equal(expected[0], actual[0]);
            for (var i = 0; i < s_names.Length; i++)
            {
                var (a, b) = (double.Parse(expected[i + 1], CultureInfo.InvariantCulture),
                    double.Parse(actual[i + 1], CultureInfo.InvariantCulture));
                Assert.True(Math.Abs(a - b) <= 1e-6 * Math.Abs(a), $"{s_names[i]}: {b}, but it was {a}");
            }
        }
    }

    private static string Kind(Verdict verdict) => verdict is NeedMore more ? $"{more.Arm}×{more.Runs}" : verdict.GetType().Name;

    /// <summary>Everything that can happen to a trial, with its verdicts given.</summary>
    private static async Task WalkAsync(Func<Searches, Task> judge)
    {
        var search = new Searches(0.99, 1.01, 1.0, 0.995, 1.005);
        await judge(search.Propose([1.03]));
        search.Rejected();
        await judge(search.Propose([0.986]));
        await judge(
            search.With(t => t with { Runs = [.. t.Runs, .. new Searches().Propose([0.99, 0.993, 0.988, 0.99]).Last.Runs] }));
        search.Rejected();
        await judge(search.Propose([0.96, 0.965], [1.004]));
        search.Accepted();
        await judge(search.Propose([0.955], version: 0)); // against the incumbent that was replaced
        search.Accepted();
        await judge(search.Propose([0.97], hypothesis: search.Last.Hypothesis with { RebaseOf = 3 }));
        search.Rejected();
        search.Propose([1.2]).With(t =>
            t with { Runs = [t.Runs[0] with { Result = RunResult.Failure(RunOutcome.Stopped, "behind") }] }).Rejected();
        search.Propose([1.2])
            .With(t => t with { Runs = [t.Runs[0] with { Result = RunResult.Failure(RunOutcome.Crashed, "no") }] }).Rejected();
        search.Propose([]).With(t => t with { Candidate = null }).Rejected();
        await judge(search.Propose([0.95, 0.955, 0.94], [0.97, 0.958], [0.985]));
        search.Accepted();
        await judge(search.Propose([0.96], sentinels: [0.982, 0.98]));
        var waiting = search.Last.Number;
        search.Propose([0.97, 0.975]).Rejected(); // the trial before it is still running
        search.Judged(new Indecisive { Reason = "somebody has to look" }, waiting);
        search.Propose([0.93, 0.99]).With(t => t with
        {
            Runs = [t.Runs[0] with { Result = t.Runs[0].Result with { Contention = "a busy neighbour" } }, t.Runs[1]],
        }).Rejected();
        for (var i = 0; i < 4; i++) search.Propose([0.96 + (0.002 * i)]).Rejected();
        await judge(search.Propose([0.93]));
        search.With(t =>
            t with { Sentinels = [Comparisons.Run(Searches.Problem, Searches.Problem.Baseline, RunPurpose.Control, 0.975)] });
        await judge(search);
        search.Judged(new Accept { Reason = "better" });
        await judge(search.Propose([0.938, 0.931], [0.94]));
    }
}
