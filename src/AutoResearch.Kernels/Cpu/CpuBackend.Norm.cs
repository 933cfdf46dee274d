using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

public sealed unsafe partial class CpuBackend
{
    private const int ColumnsPerTask = 64;

    /// <inheritdoc/>
    protected override void EmbeddingCore(Tensor table, Tensor tokens, Tensor y, Tensor? inverseRms)
    {
        CheckIndices(tokens, table.Shape.Rows, "Token");
        _team.Run(RowTasks(tokens.ElementCount), new NormWork
        {
            X = table.Floats, Tokens = tokens.Ints, Y = y.Floats, Inverse = inverseRms is null ? null : inverseRms.Floats,
            Rows = tokens.ElementCount, Columns = y.Shape.Columns,
        });
    }

    /// <inheritdoc/>
    protected override void EmbeddingBackwardCore(Tensor dy, Tensor y, Tensor? inverseRms, Tensor tokens, Tensor dTable)
    {
        CheckIndices(tokens, dTable.Shape.Rows, "Token");
        var (rows, columns) = (tokens.ElementCount, y.Shape.Columns);
        var projections = inverseRms is null ? null : _partials.Take(rows);
        if (projections is not null)
        {
            _team.Run(RowTasks(rows), new ProjectWork
            {
                Dy = dy.Floats, Y = y.Floats, Projections = projections, Rows = rows, Columns = columns,
            });
        }

        // A task owns some columns of the whole table: no two write the same place, and every sum runs in token order.
        _team.Run((columns + ColumnsPerTask - 1) / ColumnsPerTask, new ScatterWork
        {
            Dy = dy.Floats, Y = y.Floats, Projections = projections, Inverse = inverseRms is null ? null : inverseRms.Floats,
            Tokens = tokens.Ints, Target = dTable.Floats, Rows = rows, Columns = columns,
        });
    }

    /// <inheritdoc/>
    protected override void RmsNormCore(Tensor x, Tensor y, Tensor inverseRms) => _team.Run(RowTasks(x.Shape.Rows), new NormWork
    {
        X = x.Floats, Y = y.Floats, Inverse = inverseRms.Floats, Rows = x.Shape.Rows, Columns = x.Shape.Columns,
    });

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(Tensor dy, Tensor y, Tensor inverseRms, Tensor dx, bool accumulate) =>
        _team.Run(RowTasks(y.Shape.Rows), new NormBackwardWork
        {
            Dy = dy.Floats, Y = y.Floats, Inverse = inverseRms.Floats, Dx = dx.Floats, Rows = y.Shape.Rows,
            Columns = y.Shape.Columns, Accumulate = accumulate,
        });

    /// <inheritdoc/>
    protected override void MixNormCore(
        Tensor x, Tensor x0, Tensor residualScales, Tensor inputScales, int layer, Tensor mixed, Tensor normed,
        Tensor inverseRms) =>
        _team.Run(RowTasks(x.Shape.Rows), new MixWork
        {
            X = x.Floats, X0 = x0.Floats, A = residualScales.Floats[layer], B = inputScales.Floats[layer],
            Mixed = mixed.Floats, Normed = normed.Floats, Inverse = inverseRms.Floats, Rows = x.Shape.Rows,
            Columns = x.Shape.Columns,
        });

    /// <inheritdoc/>
    protected override void MixNormBackwardCore(
        Tensor? dMixed, Tensor dNormed, Tensor normed, Tensor inverseRms, Tensor x, Tensor x0,
        Tensor residualScales, Tensor inputScales, int layer, Tensor dx, bool accumulateX, Tensor dx0, bool accumulateX0)
    {
        var tasks = RowTasks(x.Shape.Rows);
        var partials = _partials.Take(2L * tasks);
        _team.Run(tasks, new MixBackwardWork
        {
            DMixed = dMixed is null ? null : dMixed.Floats, DNormed = dNormed.Floats, Normed = normed.Floats,
            Inverse = inverseRms.Floats, X = x.Floats, X0 = x0.Floats, A = residualScales.Floats[layer],
            B = inputScales.Floats[layer], Dx = dx.Floats, Dx0 = dx0.Floats, AccumulateX = accumulateX,
            AccumulateX0 = accumulateX0, Partials = partials, Rows = x.Shape.Rows, Columns = x.Shape.Columns,
        });
        double sumX = 0, sumX0 = 0;
        for (var i = 0; i < tasks; i++)
        {
            sumX += partials[2 * i];
            sumX0 += partials[(2 * i) + 1];
        }

        if (residualScales.Grad is not null) residualScales.Grad.Floats[layer] += (float)sumX;
        if (inputScales.Grad is not null) inputScales.Grad.Floats[layer] += (float)sumX0;
    }

    private static float InverseRms(float* x, int columns) => 1 / MathF.Sqrt((Simd.Dot(x, x, columns) / columns) + NormEpsilon);

    // dx (+)= inverse · (dy − y · projection)
    private static void NormRowBackward(
        float* dy, float* y, float inverse, float projection, float* dx, int columns, bool accumulate)
    {
        Vector512<float> vi = Vector512.Create(inverse), vp = Vector512.Create(-projection);
        var i = 0;
        for (; i <= columns - Simd.Lanes; i += Simd.Lanes)
        {
            var g = Vector512.FusedMultiplyAdd(Vector512.Load(y + i), vp, Vector512.Load(dy + i)) * vi;
            (accumulate ? g + Vector512.Load(dx + i) : g).Store(dx + i);
        }

        for (; i < columns; i++)
        {
            var g = inverse * (dy[i] - (y[i] * projection));
            dx[i] = accumulate ? dx[i] + g : g;
        }
    }

    // Normalises rows of x, or the rows that tokens name; copies them when there is no room for the inverse.
    private struct NormWork : IParallelWork
    {
        internal float* X, Y, Inverse;
        internal int* Tokens;
        internal long Rows;
        internal int Columns;

        public readonly void Execute(int task)
        {
            for (var row = (long)task * RowsPerTask; row < Math.Min(Rows, (task + 1L) * RowsPerTask); row++)
            {
                var x = X + ((Tokens == null ? row : Tokens[row]) * Columns);
                var inverse = Inverse == null ? 1 : Inverse[row] = InverseRms(x, Columns);
                Simd.Scale(x, inverse, Y + (row * Columns), Columns);
            }
        }
    }

    private struct NormBackwardWork : IParallelWork
    {
        internal float* Dy, Y, Inverse, Dx;
        internal long Rows;
        internal int Columns;
        internal bool Accumulate;

        public readonly void Execute(int task)
        {
            for (var row = (long)task * RowsPerTask; row < Math.Min(Rows, (task + 1L) * RowsPerTask); row++)
            {
                float* dy = Dy + (row * Columns), y = Y + (row * Columns);
                NormRowBackward(dy, y, Inverse[row], Simd.Dot(dy, y, Columns) / Columns, Dx + (row * Columns),
                    Columns, Accumulate);
            }
        }
    }

    private struct ProjectWork : IParallelWork
    {
        internal float* Dy, Y, Projections;
        internal long Rows;
        internal int Columns;

        public readonly void Execute(int task)
        {
            for (var row = (long)task * RowsPerTask; row < Math.Min(Rows, (task + 1L) * RowsPerTask); row++)
                Projections[row] = Simd.Dot(Dy + (row * Columns), Y + (row * Columns), Columns) / Columns;
        }
    }

    private struct ScatterWork : IParallelWork
    {
        internal float* Dy, Y, Projections, Inverse, Target;
        internal int* Tokens;
        internal long Rows;
        internal int Columns;

        public readonly void Execute(int task)
        {
            var first = task * ColumnsPerTask;
            var width = Math.Min(ColumnsPerTask, Columns - first);
            for (long row = 0; row < Rows; row++)
            {
                var from = (row * Columns) + first;
                var target = Target + ((long)Tokens[row] * Columns) + first;
                if (Inverse == null) Simd.AddScaled(Dy + from, 1, target, width);
                else NormRowBackward(Dy + from, Y + from, Inverse[row], Projections[row], target, width, true);
            }
        }
    }

    private struct MixWork : IParallelWork
    {
        internal float* X, X0, Mixed, Normed, Inverse;
        internal float A, B;
        internal long Rows;
        internal int Columns;

        public readonly void Execute(int task)
        {
            Vector512<float> va = Vector512.Create(A), vb = Vector512.Create(B);
            for (var row = (long)task * RowsPerTask; row < Math.Min(Rows, (task + 1L) * RowsPerTask); row++)
            {
                float* x = X + (row * Columns), x0 = X0 + (row * Columns), mixed = Mixed + (row * Columns);
                var i = 0;
                for (; i <= Columns - Simd.Lanes; i += Simd.Lanes)
                    Vector512.FusedMultiplyAdd(Vector512.Load(x + i), va, Vector512.Load(x0 + i) * vb).Store(mixed + i);
                for (; i < Columns; i++) mixed[i] = (A * x[i]) + (B * x0[i]);
                Simd.Scale(mixed, Inverse[row] = InverseRms(mixed, Columns), Normed + (row * Columns), Columns);
            }
        }
    }

    private struct MixBackwardWork : IParallelWork
    {
        internal float* DMixed, DNormed, Normed, Inverse, X, X0, Dx, Dx0, Partials;
        internal float A, B;
        internal long Rows;
        internal int Columns;
        internal bool AccumulateX, AccumulateX0;

        public readonly void Execute(int task)
        {
            float sumX = 0, sumX0 = 0;
            var g = stackalloc float[256];
            for (var row = (long)task * RowsPerTask; row < Math.Min(Rows, (task + 1L) * RowsPerTask); row++)
            {
                var start = row * Columns;
                var projection = Simd.Dot(DNormed + start, Normed + start, Columns) / Columns;
                for (var first = 0; first < Columns; first += 256)
                {
                    var at = start + first;
                    var width = Math.Min(256, Columns - first);
                    NormRowBackward(DNormed + at, Normed + at, Inverse[row], projection, g, width, false);
                    if (DMixed != null) Simd.AddScaled(DMixed + at, 1, g, width);
                    sumX += Simd.Dot(g, X + at, width);
                    sumX0 += Simd.Dot(g, X0 + at, width);

                    // dMixed, dx and dx0 may be one memory: dMixed has been read, and dx is complete before dx0 is touched.
                    if (AccumulateX) Simd.AddScaled(g, A, Dx + at, width);
                    else Simd.Scale(g, A, Dx + at, width);
                    if (AccumulateX0) Simd.AddScaled(g, B, Dx0 + at, width);
                    else Simd.Scale(g, B, Dx0 + at, width);
                }
            }

            Partials[2 * task] = sumX;
            Partials[(2 * task) + 1] = sumX0;
        }
    }
}
