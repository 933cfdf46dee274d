namespace AutoResearch;

/// <summary>What a sandbox may protect from the program that it runs.</summary>
public enum SandboxProtection
{
    /// <summary>Files outside of the run cannot be written.</summary>
    Writes,

    /// <summary>Files outside of the policy cannot be read: home directories, keys, other runs.</summary>
    Reads,

    /// <summary>No connection leaves the machine, and none reaches another program on it.</summary>
    Network,

    /// <summary>Variables that the policy does not name are not passed on.</summary>
    Environment,

    /// <summary>Other processes cannot be seen, signalled or traced.</summary>
    OtherProcesses,

    /// <summary>Nothing of the run survives it.</summary>
    Survivors,

    /// <summary>The program gains no rights, by set-uid files or otherwise, and changes no setting of the system.</summary>
    Privileges,

    /// <summary>The number of processes and threads is bounded.</summary>
    ProcessCount,

    /// <summary>Memory is bounded.</summary>
    Memory,

    /// <summary>The size of one file is bounded.</summary>
    FileSize,

    /// <summary>What the run writes to the disk is bounded in sum.</summary>
    Disk,
}
