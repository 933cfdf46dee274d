using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace AutoResearch;

/// <summary>
/// A seccomp filter: system calls that no training needs and that have led out of sandboxes, or to what is not in a namespace,
/// fail with EPERM. Above all the kernel's keyrings, which hold the user's tickets and passwords and are the
/// same inside and outside.
/// </summary>
internal static class SystemCallFilter
{
    private const uint Allow = 0x7fff0000; // SECCOMP_RET_ALLOW
    private const uint Refuse = 0x00050001; // SECCOMP_RET_ERRNO, EPERM
    private const ushort Load = 0x20; // BPF_LD | BPF_W | BPF_ABS
    private const ushort IfEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    private const ushort IfAtLeast = 0x35; // BPF_JMP | BPF_JGE | BPF_K
    private const ushort Return = 0x06; // BPF_RET | BPF_K
    private const uint NumberOffset = 0;
    private const uint ArchitectureOffset = 4;
    private const uint SecondArgumentOffset = 24;
    private const uint X32 = 0x40000000; // a second set of numbers on x86-64

    // add_key, request_key, keyctl · ptrace, process_vm_readv, process_vm_writev, kcmp, pidfd_getfd · bpf, perf_event_open,
    // userfaultfd, io_uring_setup, _enter, _register · kexec_load, kexec_file_load, init_module, finit_module, delete_module,
    // reboot, swapon, swapoff · mount, umount2, pivot_root, chroot, unshare, setns, open_tree, move_mount, fsopen, fsconfig,
    // fsmount, mount_setattr · open_by_handle_at · acct, quotactl, syslog, settimeofday, clock_settime, adjtimex, clock_adjtime
    private static readonly uint[] s_x64 =
    [
        248, 249, 250, 101, 310, 311, 312, 438, 321, 298, 323, 425, 426, 427, 246, 320, 175, 313, 176, 169, 167, 168,
        165, 166, 155, 161, 272, 308, 428, 429, 430, 431, 432, 442, 304, 163, 179, 103, 164, 227, 159, 305,
    ];

    private static readonly uint[] s_arm64 =
    [
        217, 218, 219, 117, 270, 271, 272, 438, 280, 241, 282, 425, 426, 427, 104, 294, 105, 273, 106, 142, 224, 225,
        40, 39, 41, 51, 97, 268, 428, 429, 430, 431, 432, 442, 265, 89, 60, 116, 170, 112, 171, 266,
    ];

    /// <summary>The filter for this machine; null where there is none.</summary>
    public static byte[]? Create() => RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => Create(0xC000003E, s_x64, ioctl: 16),
        Architecture.Arm64 => Create(0xC00000B7, s_arm64, ioctl: 29),
        _ => null,
    };

    private static byte[] Create(uint architecture, uint[] refused, uint ioctl)
    {
        uint[] terminal = [0x5412, 0x541C]; // TIOCSTI, TIOCLINUX: type into a terminal
        var program = new List<(ushort Code, byte Then, byte Else, uint Value)>
        {
            (Load, 0, 0, ArchitectureOffset),
            (IfEqual, 1, 0, architecture),
            (Return, 0, 0, Refuse), // 32-bit programs
            (Load, 0, 0, NumberOffset),
        };
        var last = program.Count + 1 + refused.Length + 1 + 1 + terminal.Length + 1; // the index of the refusal at the end
        program.Add((IfAtLeast, To(last), 0, X32));
        foreach (var number in refused) program.Add((IfEqual, To(last), 0, number));
        program.Add((IfEqual, 0, (byte)(1 + terminal.Length), ioctl));
        program.Add((Load, 0, 0, SecondArgumentOffset));
        foreach (var request in terminal) program.Add((IfEqual, To(last), 0, request));
        program.Add((Return, 0, 0, Allow));
        program.Add((Return, 0, 0, Refuse));

        var bytes = new byte[program.Count * 8];
        for (var i = 0; i < program.Count; i++)
        {
            var (code, then, @else, value) = program[i];
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(i * 8), code);
            (bytes[(i * 8) + 2], bytes[(i * 8) + 3]) = (then, @else);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan((i * 8) + 4), value);
        }

        return bytes;

        byte To(int index) => checked((byte)(index - program.Count - 1));
    }
}
