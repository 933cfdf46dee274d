using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace AutoResearch.Tests;

public sealed class SystemCallFilterTests
{
    private const uint Allow = 0x7fff0000;
    private const uint Refuse = 0x00050001;

    [Theory]
    [InlineData(0xC000003E, 0u, 0u, Allow)] // read
    [InlineData(0xC000003E, 59u, 0u, Allow)] // execve
    [InlineData(0xC000003E, 248u, 0u, Refuse)] // add_key, the first of the list
    [InlineData(0xC000003E, 305u, 0u, Refuse)] // clock_adjtime, the last
    [InlineData(0xC000003E, 101u, 0u, Refuse)] // ptrace
    [InlineData(0xC000003E, 16u, 0x5413u, Allow)] // ioctl: size of the terminal
    [InlineData(0xC000003E, 16u, 0x5412u, Refuse)] // ioctl: type into the terminal
    [InlineData(0xC000003E, 16u, 0x541Cu, Refuse)]
    [InlineData(0xC000003E, 0x40000000u, 0u, Refuse)] // x32
    [InlineData(0x40000003u, 1u, 0u, Refuse)] // 32-bit
    public void Filter_Call_IsAllowedOrRefused(uint architecture, uint number, uint secondArgument, uint expected)
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "numbers differ elsewhere");

        Assert.Equal(expected, Run(SystemCallFilter.Create()!, architecture, number, secondArgument));
    }

    /// <summary>What the kernel does with the program.</summary>
    private static uint Run(byte[] filter, uint architecture, uint number, uint secondArgument)
    {
        var accumulator = 0u;
        for (var at = 0; ; at++)
        {
            var (code, then, @else, value) = (BinaryPrimitives.ReadUInt16LittleEndian(filter.AsSpan(at * 8)),
                filter[(at * 8) + 2], filter[(at * 8) + 3], BinaryPrimitives.ReadUInt32LittleEndian(filter.AsSpan((at * 8) + 4)));
            switch (code)
            {
                case 0x20:
                    accumulator = value switch
                    {
                        0 => number,
                        4 => architecture,
                        24 => secondArgument,
                        _ => throw new InvalidDataException($"loads {value}"),
                    };
                    break;
                case 0x15: at += accumulator == value ? then : @else; break;
                case 0x35: at += accumulator >= value ? then : @else; break;
                case 0x06: return value;
                default: throw new InvalidDataException($"has the instruction {code}");
            }
        }
    }
}
