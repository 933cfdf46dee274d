using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels;

/// <summary>
/// C (+)= op(A) · op(B) in single precision, packed and blocked for the caches (Goto and van de Geijn 2008). Every element of C
/// is summed in one order, so that the result does not depend on the number of threads.
/// </summary>
internal static unsafe class Gemm
{
    /// <summary>Floats of one operand that leave room for the rest in the second-level cache of the machines of today.</summary>
    internal const int CachedSlice = 1 << 18;

    /// <summary>
    /// Floats of a packed block, which lies on the stack of the thread that multiplies; that may be as small as a megabyte.
    /// </summary>
    internal const int LargestBlock = 1 << 17;

    /// <summary>
    /// Floats between packed panels. Without them panels lie whole pages apart and, written side by side, take each other's place
    /// in the first-level cache.
    /// </summary>
    internal const int PanelGap = 48;

    /// <summary>Floats of scratch memory that <see cref="Run"/> needs.</summary>
    internal static long ScratchLength(int m, int n, int k, GemmBlocks? blocks = null)
    {
        var tuning = blocks ?? CpuTuning.Default;
        return GemmByColumns.Suits(m, n, k, tuning) ? GemmByColumns.ScratchLength(m, k, tuning) : PackedLength(n, k, tuning);
    }

    /// <summary>Floats that <see cref="PackB"/> writes.</summary>
    internal static long PackedLength(int n, int k, GemmBlocks? blocks = null)
    {
        var width = (blocks ?? CpuTuning.Default).TileColumns;
        return ((long)n + width - 1) / width * width * k;
    }

    /// <summary>C (+)= op(A) · op(B), and then the epilogue, whose second operand is laid out as C.</summary>
    /// <param name="team">Threads.</param>
    /// <param name="scratch">Room for <see cref="ScratchLength"/> floats.</param>
    /// <param name="a">op(A) element (i, l) lies at a[i · aRow + l · aColumn].</param>
    /// <param name="aRow">Stride of rows.</param>
    /// <param name="aColumn">Stride of columns.</param>
    /// <param name="b">op(B) element (l, j) lies at b[l · bRow + j · bColumn].</param>
    /// <param name="bRow">Stride of rows.</param>
    /// <param name="bColumn">Stride of columns.</param>
    /// <param name="c">Row-major result.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">Inner extent.</param>
    /// <param name="accumulate">Add to C.</param>
    /// <param name="blocks">Tile and block sizes; null for the default of this machine.</param>
    /// <param name="epilogue">What is done to the sums.</param>
    /// <param name="other">Its second operand.</param>
    internal static void Run(
        ThreadTeam team, float* scratch, float* a, long aRow, long aColumn, float* b, long bRow, long bColumn, float* c,
        int m, int n, int k, bool accumulate, GemmBlocks? blocks = null, GemmEpilogue epilogue = GemmEpilogue.None,
        float* other = null)
    {
        var tuning = blocks ?? CpuTuning.Default;
        if (GemmByColumns.Suits(m, n, k, tuning))
        {
            GemmByColumns.Run(team, scratch, a, aRow, aColumn, b, bRow, bColumn, c, m, n, k, accumulate, tuning, epilogue, other);
            return;
        }

        PackB(team, scratch, b, bRow, bColumn, n, k, tuning);
        RunPacked(team, scratch, a, aRow, aColumn, c, m, n, k, accumulate, tuning, epilogue, other);
    }

    /// <summary>Packs op(B) for any number of products with it.</summary>
    internal static void PackB(
        ThreadTeam team, float* scratch, float* b, long bRow, long bColumn, int n, int k, GemmBlocks? blocks = null)
    {
        if (n == 0 || k == 0) return;
        var width = (blocks ?? CpuTuning.Default).TileColumns;
        team.Run((n + width - 1) / width,
            new Pack { B = b, Row = bRow, Column = bColumn, Target = scratch, N = n, K = k, Width = width });
    }

    /// <summary>
    /// C (+)= op(A) · op(B) with op(B) as <see cref="PackB"/> left it, and then the epilogue, whose second operand is laid out as
    /// C. With <paramref name="lowerOnly"/>, tiles that lie above the diagonal are left out.
    /// </summary>
    internal static void RunPacked(
        ThreadTeam team, float* scratch, float* a, long aRow, long aColumn, float* c, int m, int n, int k, bool accumulate,
        GemmBlocks? blocks = null, GemmEpilogue epilogue = GemmEpilogue.None, float* other = null, bool lowerOnly = false)
    {
        if (m == 0 || n == 0) return;
        if (k == 0)
        {
            for (long i = 0, row = 0; i < m; i++, row += n)
            {
                if (!accumulate) new Span<float>(c + row, n).Clear();
                GemmEpilogues.Apply(epilogue, c + row, other + row, n);
            }

            return;
        }

        var tuning = blocks ?? CpuTuning.Default;
        int tileRows = tuning.TileRows, tileColumns = tuning.TileColumns;
        var panels = (n + tileColumns - 1) / tileColumns;

        // At least four tasks for each thread while there are tiles to share, and as many for each, since they are of one size;
        // columns are split only when rows do not suffice. Where a slice of B stays in the cache, rows are best taken half as
        // many at a time, which leaves it the room.
        var wanted = team.Threads == 1 ? 1 : 4 * team.Threads;
        var rowTiles = (m + tileRows - 1) / tileRows;
        var blockRows = (long)n * Math.Min(k, tuning.Depth) <= CachedSlice ? tuning.BlockRows / 2 : tuning.BlockRows;
        var blockTiles = Math.Max(1, Math.Min(blockRows / tileRows, (rowTiles + wanted - 1) / wanted));
        var rowTasks = (rowTiles + blockTiles - 1) / blockTiles;
        rowTasks = Math.Min(rowTiles, (rowTasks + team.Threads - 1) / team.Threads * team.Threads);
        var columnTasks = Math.Clamp((wanted + rowTasks - 1) / rowTasks, 1, panels);
        if (2 * rowTasks >= wanted) columnTasks = 1;
        var taskPanels = (panels + columnTasks - 1) / columnTasks;
        team.Run(rowTasks * columnTasks, new Multiply
        {
            A = a, Row = aRow, Column = aColumn, Panels = scratch, C = c, M = m, N = n, K = k, Accumulate = accumulate,
            Tile = GemmTiles.Of(tuning.Tile), TileRows = tileRows, TileColumns = tileColumns, RowTiles = rowTiles,
            Depth = tuning.Depth, RowTasks = rowTasks, TaskColumns = taskPanels * tileColumns, Epilogue = epilogue, Other = other,
            LowerOnly = lowerOnly,
        });
    }

    // Panel p holds the p-th group of columns of op(B), row after row, with zeros beyond the edge.
    private struct Pack : IParallelWork
    {
        internal float* B, Target;
        internal long Row, Column;
        internal int N, K, Width;

        public readonly void Execute(int task)
        {
            var first = task * Width;
            GemmPacking.Panel(B + (first * Column), Column, Row, Math.Min(Width, N - first), Width, K,
                Target + ((long)first * K));
        }
    }

    private struct Multiply : IParallelWork
    {
        internal float* A, Panels, C, Other;
        internal delegate*<float*, float*, float*, nint, nint, bool, void> Tile;
        internal long Row, Column;
        internal int M, N, K, TileRows, TileColumns, RowTiles, Depth, RowTasks, TaskColumns;
        internal bool Accumulate, LowerOnly;
        internal GemmEpilogue Epilogue;

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Execute(int task)
        {
            // Of a lower half the last rows are the longest; they go first, so that the threads end together.
            var rowTask = LowerOnly ? RowTasks - 1 - (task % RowTasks) : task % RowTasks;
            int firstRow = FirstRow(rowTask), rows = Math.Min(M, FirstRow(rowTask + 1)) - firstRow;
            int firstColumn = task / RowTasks * TaskColumns, lastColumn = Math.Min(N, firstColumn + TaskColumns);
            if (LowerOnly) lastColumn = Math.Min(lastColumn, firstRow + rows);
            if (firstColumn >= lastColumn) return;
            var stride = (TileRows * Math.Min(K, Depth)) + PanelGap;
            var blockLength = (rows + TileRows - 1) / TileRows * stride;
            var memory = stackalloc float[blockLength + (TileRows * TileColumns) + 16];
            var block = (float*)(((nuint)memory + 63) & ~(nuint)63);
            var edge = block + blockLength;
            for (var l = 0; l < K; l += Depth)
            {
                var depth = Math.Min(Depth, K - l);
                GemmPacking.Panels(A + (firstRow * Row) + (l * Column), Row, Column, rows, TileRows, depth, block, stride);
                for (var j = firstColumn; j < lastColumn; j += TileColumns)
                    ColumnPanel(block, stride, edge, firstRow, rows, j, l, depth);
            }

            if (Epilogue == GemmEpilogue.None) return;
            for (var i = 0; i < rows; i++)
            {
                var offset = ((long)(firstRow + i) * N) + firstColumn;
                GemmEpilogues.Apply(Epilogue, C + offset, Other + offset, lastColumn - firstColumn);
            }
        }

        private readonly int FirstRow(int rowTask) => (int)((long)rowTask * RowTiles / RowTasks) * TileRows;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void ColumnPanel(float* block, int stride, float* edge, int firstRow, int rows, int j, int l, int depth)
        {
            var panel = Panels + ((long)j * K) + ((long)l * TileColumns);
            var width = Math.Min(TileColumns, N - j);
            var add = Accumulate || l > 0;
            var above = LowerOnly ? Math.Max(0, (j - firstRow) / TileRows * TileRows) : 0;
            var a = block + (above / TileRows * stride);
            for (var i = above; i < rows; i += TileRows, a += stride)
            {
                var height = Math.Min(TileRows, rows - i);
                var target = C + ((long)(firstRow + i) * N) + j;
                if (height == TileRows && width == TileColumns)
                {
                    Tile(a, panel, target, N, depth, add);
                    continue;
                }

                // A ragged edge: the whole tile goes to scratch memory, the valid part of it to C.
                Tile(a, panel, edge, TileColumns, depth, false);
                GemmTiles.CopyEdge(edge, TileColumns, target, N, height, width, add);
            }
        }
    }
}
