namespace AutoResearch.Tests;

public sealed class SandboxPolicyTests
{
    [Fact]
    public void Default_AllowsNothingButWhatIsNamed()
    {
        var policy = SandboxPolicy.Default;

        Assert.False(policy.Network);
        Assert.Empty(
            policy.Readable.Concat(policy.Writable).Concat(policy.Devices).Concat(policy.Environment).Concat(policy.Credentials));
        Assert.Equal("no network, processes 1024, file 16 GiB, disk 32 GiB, files 100000, open files 4096, /tmp 1 GiB",
            policy.ToString());
    }

    [Fact]
    public void ToString_EveryPermission_IsNamed()
    {
        var policy = new SandboxPolicy
        {
            Network = true, Readable = ["/data"], Writable = ["/cache"], Devices = ["/dev/x"], Environment = ["A"],
            Credentials = ["B_KEY"], MemoryBytes = 3 << 20, Processes = null, CpuTime = TimeSpan.FromSeconds(1.5),
            TemporaryBytes = 5, DiskBytes = null, DiskFiles = null, FileBytes = null, OpenFiles = null,
        };

        Assert.Equal(
            "network, reads /data, writes /cache, devices /dev/x, environment A B_KEY, memory 3 MiB, cpu 1.5 s, /tmp 5 bytes",
            policy.ToString());
    }

    public static TheoryData<SandboxPolicy, string> Senseless => new()
    {
        { new() { Readable = ["data"] }, "'data'" },
        { new() { Readable = ["/"] }, "keys" },
        { new() { Readable = ["~/"] }, "keys" },
        { new() { Readable = [Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)] }, "keys" },
        { new() { Writable = ["/etc"] }, "'/etc'" },
        { new() { Devices = ["/etc/passwd"] }, "below /dev" },
        { new() { Environment = ["OPENAI_API_KEY"] }, "SandboxPolicy.Credentials" },
        { new() { Processes = 0 }, "Processes is '0'" },
        { new() { TemporaryBytes = -1 }, "TemporaryBytes is '-1'" },
    };

    [Theory]
    [MemberData(nameof(Senseless))]
    public void Constructor_SenselessPolicy_IsRefused(SandboxPolicy policy, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => new BubblewrapSandbox(policy)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("OPENAI_API_KEY", true)]
    [InlineData("HF_TOKEN", true)]
    [InlineData("AWS_SECRET_ACCESS_KEY", true)]
    [InlineData("MYAPIKEY", true)]
    [InlineData("DB_PASSWORD", true)]
    [InlineData("TOKENIZERS_PARALLELISM", false)]
    [InlineData("KEYBOARD", false)]
    [InlineData("OMP_NUM_THREADS", false)]
    public void LooksLikeCredential_Name_IsJudgedByItsWords(string name, bool expected) =>
        Assert.Equal(expected, SandboxPolicy.LooksLikeCredential(name));
}
