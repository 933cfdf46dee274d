using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

/// <summary>
/// C (+)= op(A) · op(B) in single precision. op(B) is packed once into panels of 32 columns; tasks are blocks of rows of C, each summed
/// in one order, so the result does not depend on the number of threads.
/// </summary>
internal static unsafe class SimpleGemm
{
    private const int PanelColumns = 32;
    private const int TileRows = 8;
    private const int BlockRows = 64;
    private const int Depth = 256;

    /// <summary>Floats of scratch memory that a product needs.</summary>
    internal static long ScratchLength(int n, int k) => (long)((n + PanelColumns - 1) / PanelColumns) * PanelColumns * k;

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
    internal static void Run(
        ThreadTeam team, float* scratch, float* a, long aRow, long aColumn, float* b, long bRow, long bColumn, float* c,
        int m, int n, int k, bool accumulate)
    {
        var panels = (n + PanelColumns - 1) / PanelColumns;
        team.Run(panels, new Pack { B = b, Row = bRow, Column = bColumn, Target = scratch, N = n, K = k });
        team.Run((m + BlockRows - 1) / BlockRows, new Multiply
        {
            A = a, Row = aRow, Column = aColumn, Panels = scratch, C = c, M = m, N = n, K = k, Accumulate = accumulate,
        });
    }

    // Panel p holds columns 32p..32p+31 of op(B), row after row, with zeros beyond the edge.
    private struct Pack : IParallelWork
    {
        internal float* B, Target;
        internal long Row, Column;
        internal int N, K;

        public readonly void Execute(int task)
        {
            var first = task * PanelColumns;
            var width = Math.Min(PanelColumns, N - first);
            var target = Target + ((long)task * PanelColumns * K);
            for (var l = 0; l < K; l++, target += PanelColumns)
            {
                var source = B + (l * Row) + (first * Column);
                if (Column == 1)
                    Unsafe.CopyBlockUnaligned(target, source, (uint)width * sizeof(float));
                else
                    for (var j = 0; j < width; j++) target[j] = source[j * Column];
                for (var j = width; j < PanelColumns; j++) target[j] = 0;
            }
        }
    }

    private struct Multiply : IParallelWork
    {
        internal float* A, Panels, C;
        internal long Row, Column;
        internal int M, N, K;
        internal bool Accumulate;

        public readonly void Execute(int task)
        {
            var firstRow = task * BlockRows;
            var lastRow = Math.Min(M, firstRow + BlockRows);
            var tile = stackalloc float[TileRows * PanelColumns];
            for (var l = 0; l < K; l += Depth)
            {
                var depth = Math.Min(Depth, K - l);
                var add = Accumulate || l > 0;
                for (var j = 0; j < N; j += PanelColumns)
                {
                    var panel = Panels + ((long)j * K) + ((long)l * PanelColumns);
                    var width = Math.Min(PanelColumns, N - j);
                    for (var i = firstRow; i < lastRow; i += TileRows)
                    {
                        var rows = Math.Min(TileRows, lastRow - i);
                        Tile(A + (i * Row) + (l * Column), Row, Column, rows, panel, depth, tile);
                        for (var r = 0; r < rows; r++) StoreRow(tile + (r * PanelColumns), C + ((long)(i + r) * N) + j, width, add);
                    }
                }
            }
        }
    }

    private static void StoreRow(float* tile, float* c, int width, bool add)
    {
        var i = 0;
        for (; i <= width - Simd.Lanes; i += Simd.Lanes)
        {
            var value = Vector512.Load(tile + i);
            (add ? value + Vector512.Load(c + i) : value).Store(c + i);
        }

        for (; i < width; i++) c[i] = add ? c[i] + tile[i] : tile[i];
    }

    // 8 × 32 products in 16 accumulators. Missing rows repeat the last one and are not stored.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile(float* a, long row, long column, int rows, float* b, int depth, float* tile)
    {
        float* a0 = a, a1 = a + (Math.Min(1, rows - 1) * row), a2 = a + (Math.Min(2, rows - 1) * row);
        float* a3 = a + (Math.Min(3, rows - 1) * row), a4 = a + (Math.Min(4, rows - 1) * row), a5 = a + (Math.Min(5, rows - 1) * row);
        float* a6 = a + (Math.Min(6, rows - 1) * row), a7 = a + (Math.Min(7, rows - 1) * row);
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector512<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        Vector512<float> c60 = default, c61 = default, c70 = default, c71 = default;
        long at = 0;
        for (var l = 0; l < depth; l++)
        {
            var b0 = Vector512.Load(b);
            var b1 = Vector512.Load(b + 16);
            var v = Vector512.Create(a0[at]);
            c00 = Vector512.FusedMultiplyAdd(v, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(v, b1, c01);
            v = Vector512.Create(a1[at]);
            c10 = Vector512.FusedMultiplyAdd(v, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(v, b1, c11);
            v = Vector512.Create(a2[at]);
            c20 = Vector512.FusedMultiplyAdd(v, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(v, b1, c21);
            v = Vector512.Create(a3[at]);
            c30 = Vector512.FusedMultiplyAdd(v, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(v, b1, c31);
            v = Vector512.Create(a4[at]);
            c40 = Vector512.FusedMultiplyAdd(v, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(v, b1, c41);
            v = Vector512.Create(a5[at]);
            c50 = Vector512.FusedMultiplyAdd(v, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(v, b1, c51);
            v = Vector512.Create(a6[at]);
            c60 = Vector512.FusedMultiplyAdd(v, b0, c60);
            c61 = Vector512.FusedMultiplyAdd(v, b1, c61);
            v = Vector512.Create(a7[at]);
            c70 = Vector512.FusedMultiplyAdd(v, b0, c70);
            c71 = Vector512.FusedMultiplyAdd(v, b1, c71);
            b += PanelColumns;
            at += column;
        }

        c00.Store(tile);
        c01.Store(tile + 16);
        c10.Store(tile + 32);
        c11.Store(tile + 48);
        c20.Store(tile + 64);
        c21.Store(tile + 80);
        c30.Store(tile + 96);
        c31.Store(tile + 112);
        c40.Store(tile + 128);
        c41.Store(tile + 144);
        c50.Store(tile + 160);
        c51.Store(tile + 176);
        c60.Store(tile + 192);
        c61.Store(tile + 208);
        c70.Store(tile + 224);
        c71.Store(tile + 240);
    }
}
