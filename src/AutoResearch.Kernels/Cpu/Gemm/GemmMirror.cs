namespace AutoResearch.Kernels;

/// <summary>Completes a symmetric matrix of which one half was computed.</summary>
internal static unsafe class GemmMirror
{
    private const int Block = 32;

    /// <summary>c[j, i] = c[i, j] for all j below i of a row-major n × n matrix.</summary>
    internal static void LowerToUpper(ThreadTeam team, float* c, int n) =>
        team.Run((n + Block - 1) / Block, new Mirror { C = c, N = n });

    private struct Mirror : IParallelWork
    {
        internal float* C;
        internal int N;

        // A block of rows of the lower half becomes a block of columns of the upper one.
        public readonly void Execute(int task)
        {
            var first = task * Block;
            var rows = Math.Min(Block, N - first);
            for (var column = 0; column < first; column += Block)
                GemmPacking.Transpose(C + ((long)first * N) + column, N, rows, N, Block, C + ((long)column * N) + first);
            for (var i = first; i < first + rows; i++)
                for (var j = first; j < i; j++) C[((long)j * N) + i] = C[((long)i * N) + j];
        }
    }
}
