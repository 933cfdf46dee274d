using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels;

/// <summary>
/// The product for few rows and a large B, as of the gradient of a weight: A is packed once, and every task packs the columns of
/// B that it alone multiplies. B is then read once, where <see cref="Gemm"/> writes it out packed and reads it again for every
/// block of rows. Sums are in the same order, results therefore equal to the last bit.
/// </summary>
internal static unsafe class GemmByColumns
{
    // Inner extent of a task that packs A.
    private const int PackDepth = 128;

    private const int MostTaskPanels = 8;

    /// <summary>Whether a slice of A stays in the second-level cache, and all of B, packed, would not.</summary>
    internal static bool Suits(int m, int n, int k, GemmBlocks blocks) =>
        (long)m * Math.Min(k, blocks.Depth) <= Gemm.CachedSlice && (long)n * k >= 4 * Gemm.CachedSlice;

    /// <summary>Floats of scratch memory that a product needs.</summary>
    internal static long ScratchLength(int m, int k, GemmBlocks blocks) =>
        (m + blocks.TileRows - 1) / blocks.TileRows * PanelLength(k, blocks);

    /// <summary>As <see cref="Gemm.Run"/>, with room for <see cref="ScratchLength"/> floats.</summary>
    internal static void Run(
        ThreadTeam team, float* scratch, float* a, long aRow, long aColumn, float* b, long bRow, long bColumn, float* c,
        int m, int n, int k, bool accumulate, GemmBlocks blocks, GemmEpilogue epilogue, float* other)
    {
        var panelLength = PanelLength(k, blocks);
        team.Run((k + PackDepth - 1) / PackDepth, new Pack
        {
            A = a, Row = aRow, Column = aColumn, M = m, K = k, Width = blocks.TileRows, Target = scratch,
            PanelLength = panelLength,
        });

        var panels = (n + blocks.TileColumns - 1) / blocks.TileColumns;
        var wanted = team.Threads == 1 ? 1 : 4 * team.Threads;
        var fitting = Math.Max(1, Gemm.LargestBlock / ((blocks.TileColumns * Math.Min(k, blocks.Depth)) + Gemm.PanelGap));
        var taskPanels = Math.Min(Math.Min(MostTaskPanels, fitting), (panels + wanted - 1) / wanted);
        team.Run((panels + taskPanels - 1) / taskPanels, new Multiply
        {
            A = scratch, PanelLength = panelLength, B = b, Row = bRow, Column = bColumn, C = c, M = m, N = n, K = k,
            Accumulate = accumulate, Tile = GemmTiles.Of(blocks.Tile), TileRows = blocks.TileRows,
            TileColumns = blocks.TileColumns, Depth = blocks.Depth, TaskColumns = taskPanels * blocks.TileColumns,
            Epilogue = epilogue, Other = other,
        });
    }

    private static long PanelLength(int k, GemmBlocks blocks) => ((long)blocks.TileRows * k) + Gemm.PanelGap;

    private struct Pack : IParallelWork
    {
        internal float* A, Target;
        internal long Row, Column, PanelLength;
        internal int M, K, Width;

        public readonly void Execute(int task)
        {
            var l = task * PackDepth;
            GemmPacking.Panels(
                A + (l * Column), Row, Column, M, Width, Math.Min(PackDepth, K - l), Target + ((long)l * Width), PanelLength);
        }
    }

    private struct Multiply : IParallelWork
    {
        internal float* A, B, C, Other;
        internal delegate*<float*, float*, float*, nint, nint, bool, void> Tile;
        internal long PanelLength, Row, Column;
        internal int M, N, K, TileRows, TileColumns, Depth, TaskColumns;
        internal bool Accumulate;
        internal GemmEpilogue Epilogue;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Execute(int task)
        {
            int firstColumn = task * TaskColumns, columns = Math.Min(TaskColumns, N - firstColumn);
            var stride = (TileColumns * Math.Min(K, Depth)) + Gemm.PanelGap;
            var blockLength = (columns + TileColumns - 1) / TileColumns * stride;
            var memory = stackalloc float[blockLength + (TileRows * TileColumns) + 16];
            var block = (float*)(((nuint)memory + 63) & ~(nuint)63);
            var edge = block + blockLength;
            for (var l = 0; l < K; l += Depth)
            {
                var depth = Math.Min(Depth, K - l);
                GemmPacking.Panels(B + (l * Row) + (firstColumn * Column), Column, Row, columns, TileColumns, depth,
                    block, stride);
                var panel = block;
                for (var j = 0; j < columns; j += TileColumns, panel += stride)
                    ColumnPanel(panel, edge, firstColumn + j, Math.Min(TileColumns, columns - j), l, depth);
            }

            if (Epilogue == GemmEpilogue.None) return;
            for (var i = 0; i < M; i++)
            {
                var offset = ((long)i * N) + firstColumn;
                GemmEpilogues.Apply(Epilogue, C + offset, Other + offset, columns);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void ColumnPanel(float* panel, float* edge, int column, int width, int l, int depth)
        {
            var a = A + ((long)l * TileRows);
            var add = Accumulate || l > 0;
            for (var i = 0; i < M; i += TileRows, a += PanelLength)
            {
                var height = Math.Min(TileRows, M - i);
                var target = C + ((long)i * N) + column;
                if (height == TileRows && width == TileColumns)
                {
                    Tile(a, panel, target, N, depth, add);
                    continue;
                }

                Tile(a, panel, edge, TileColumns, depth, false);
                GemmTiles.CopyEdge(edge, TileColumns, target, N, height, width, add);
            }
        }
    }
}
