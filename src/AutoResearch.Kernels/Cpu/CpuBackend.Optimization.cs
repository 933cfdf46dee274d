using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void AdamWStepCore(ReadOnlySpan<AdamWUpdate> updates, bool clearGradients)
    {
        foreach (ref readonly var u in updates)
        {
            _team.Run(Chunks(u.Parameter.ElementCount), new AdamWWork
            {
                P = u.Parameter.Floats, G = u.Parameter.Grad!.Floats, M = u.FirstMoment.Floats, V = u.SecondMoment.Floats,
                Count = u.Parameter.ElementCount, Beta1 = u.Beta1, Beta2 = u.Beta2, Epsilon = u.Epsilon, Clear = clearGradients,
                Keep = 1 - (u.LearningRate * u.WeightDecay),
                Rate = (float)(u.LearningRate / (1 - Math.Pow(u.Beta1, u.Step))),
                Bias2 = (float)(1 / (1 - Math.Pow(u.Beta2, u.Step))),
            });
        }
    }

    /// <inheritdoc/>
    protected override void MuonMomentumCore(
        ReadOnlySpan<Tensor> parameters, Tensor momentum, Tensor x, float beta, bool clearGradients)
    {
        var size = parameters[0].ElementCount;
        var chunks = Chunks(size);
        var partials = _partials.Take(chunks);
        for (var i = 0; i < parameters.Length; i++)
        {
            var direction = x.Floats + (i * size);
            _team.Run(chunks, new MomentumWork
            {
                G = parameters[i].Grad!.Floats, M = momentum.Floats + (i * size), D = direction, Count = size, Beta = beta,
                Clear = clearGradients, Partials = partials,
            });
            double squares = 0;
            for (var chunk = 0; chunk < chunks; chunk++) squares += partials[chunk];
            _team.Run(chunks,
                new ScaleWork { X = direction, Count = size, Factor = (float)(1 / ((Math.Sqrt(squares) * 1.02) + 1e-6)) });
        }
    }

    /// <inheritdoc/>
    protected override void PolarPolynomialCore(Tensor gram, Tensor square, float a, float b, float c)
    {
        var (batch, n, _) = Matrices(gram);
        _team.Run(RowTasks((long)batch * n), new PolynomialWork
        {
            Gram = gram.Floats, Square = square.Floats, A = a, B = b, C = c, Rows = (long)batch * n, N = n,
        });
    }

    /// <inheritdoc/>
    protected override void MuonUpdateCore(
        Tensor x, ReadOnlySpan<Tensor> parameters, Tensor secondMoment, float learningRate, float weightDecay, float beta2)
    {
        var (rows, columns) = (parameters[0].Shape[0], parameters[0].Shape[1]);
        var kept = Math.Max(rows, columns);
        var scales = _partials.Take(kept);
        for (var i = 0; i < parameters.Length; i++)
        {
            var g = x.Floats + ((long)i * rows * columns);
            Variance(g, secondMoment.Floats + ((long)i * kept), scales, rows, columns, beta2);
            _team.Run(RowTasks(rows), new UpdateWork
            {
                G = g, P = parameters[i].Floats, Scales = scales, Rows = rows, Columns = columns, PerRow = rows >= columns,
                Rate = learningRate, Decay = weightDecay,
            });
        }
    }

    /// <inheritdoc/>
    protected override double GradientNormCore(ReadOnlySpan<Tensor> parameters)
    {
        double sum = 0;
        foreach (var parameter in parameters)
        {
            var chunks = Chunks(parameter.ElementCount);
            var partials = _partials.Take(chunks * 2);
            _team.Run(chunks,
                new SquaresWork { X = parameter.Grad!.Floats, Count = parameter.ElementCount, Sums = (double*)partials });
            for (var chunk = 0; chunk < chunks; chunk++) sum += ((double*)partials)[chunk];
        }

        return Math.Sqrt(sum);
    }

    // Running mean square per row (tall) or column (wide), and the factors that divide by its root at unchanged total norm.
    private static void Variance(float* g, float* moment, float* scales, int rows, int columns, float beta2)
    {
        var perRow = rows >= columns;
        var (kept, reduced) = perRow ? (rows, columns) : (columns, rows);
        if (perRow)
        {
            for (var i = 0; i < rows; i++) scales[i] = Simd.Dot(g + ((long)i * columns), g + ((long)i * columns), columns);
        }
        else
        {
            new Span<float>(scales, kept).Clear();
            for (var i = 0; i < rows; i++) AddSquares(g + ((long)i * columns), scales, columns);
        }

        double norm = 0, scaledNorm = 0;
        for (var i = 0; i < kept; i++)
        {
            moment[i] += (1 - beta2) * ((scales[i] / reduced) - moment[i]);
            norm += scales[i];
            scaledNorm += scales[i] / Math.Max(moment[i], 1e-10f);
        }

        var ratio = Math.Sqrt(norm) / Math.Max(Math.Sqrt(scaledNorm), 1e-10);
        for (var i = 0; i < kept; i++) scales[i] = (float)(ratio / Math.Sqrt(Math.Max(moment[i], 1e-10f)));
    }

    private static void AddSquares(float* x, float* sums, int count)
    {
        var i = 0;
        for (; i <= count - Simd.Lanes; i += Simd.Lanes)
        {
            var value = Vector512.Load(x + i);
            (Vector512.Load(sums + i) + (value * value)).Store(sums + i);
        }

        for (; i < count; i++) sums[i] += x[i] * x[i];
    }

    private struct SquaresWork : IParallelWork
    {
        internal float* X;
        internal long Count;
        internal double* Sums;

        // Doubles: a finite gradient must not overflow the sum of squares.
        public readonly void Execute(int task)
        {
            var x = X + (task * ElementsPerTask);
            var count = (int)Math.Min(ElementsPerTask, Count - (task * ElementsPerTask));
            var total = Vector512<double>.Zero;
            var i = 0;
            for (; i <= count - Simd.Lanes; i += Simd.Lanes)
            {
                var (low, high) = Vector512.Widen(Vector512.Load(x + i));
                total += (low * low) + (high * high);
            }

            var sum = Vector512.Sum(total);
            for (; i < count; i++) sum += (double)x[i] * x[i];
            Sums[task] = sum;
        }
    }

    private struct AdamWWork : IParallelWork
    {
        internal float* P, G, M, V;
        internal long Count;
        internal float Beta1, Beta2, Epsilon, Keep, Rate, Bias2;
        internal bool Clear;

        public readonly void Execute(int task)
        {
            var start = task * ElementsPerTask;
            var end = Math.Min(Count, start + ElementsPerTask);
            var i = start;
            Vector512<float> gain1 = Vector512.Create(1 - Beta1), gain2 = Vector512.Create(1 - Beta2),
                bias2 = Vector512.Create(Bias2);
            Vector512<float> epsilon = Vector512.Create(Epsilon), keep = Vector512.Create(Keep), rate = Vector512.Create(Rate);
            for (; i <= end - Simd.Lanes; i += Simd.Lanes)
            {
                var g = Vector512.Load(G + i);
                var m = Vector512.Load(M + i);
                var v = Vector512.Load(V + i);
                m += (g - m) * gain1;
                v += ((g * g) - v) * gain2;
                m.Store(M + i);
                v.Store(V + i);
                ((Vector512.Load(P + i) * keep) - (rate * m / (Vector512.Sqrt(v * bias2) + epsilon))).Store(P + i);
            }

            for (; i < end; i++)
            {
                M[i] += (G[i] - M[i]) * (1 - Beta1);
                V[i] += ((G[i] * G[i]) - V[i]) * (1 - Beta2);
                P[i] = (P[i] * Keep) - (Rate * M[i] / (MathF.Sqrt(V[i] * Bias2) + Epsilon));
            }

            if (Clear) new Span<float>(G + start, (int)(end - start)).Clear();
        }
    }

    private struct MomentumWork : IParallelWork
    {
        internal float* G, M, D, Partials;
        internal long Count;
        internal float Beta;
        internal bool Clear;

        public readonly void Execute(int task)
        {
            var start = task * ElementsPerTask;
            var count = (int)Math.Min(ElementsPerTask, Count - start);
            float* g = G + start, m = M + start, d = D + start;
            Vector512<float> beta = Vector512.Create(Beta), gain = Vector512.Create(1 - Beta);
            var i = 0;
            for (; i <= count - Simd.Lanes; i += Simd.Lanes)
            {
                var vg = Vector512.Load(g + i);
                var vm = Vector512.Load(m + i);
                vm += (vg - vm) * gain;
                vm.Store(m + i);
                (vg + ((vm - vg) * beta)).Store(d + i);
            }

            for (; i < count; i++)
            {
                m[i] += (g[i] - m[i]) * (1 - Beta);
                d[i] = g[i] + ((m[i] - g[i]) * Beta);
            }

            Partials[task] = Simd.Dot(d, d, count);
            if (Clear) new Span<float>(g, count).Clear();
        }
    }

    private struct ScaleWork : IParallelWork
    {
        internal float* X;
        internal long Count;
        internal float Factor;

        public readonly void Execute(int task)
        {
            var start = task * ElementsPerTask;
            Simd.Scale(X + start, Factor, X + start, (int)Math.Min(ElementsPerTask, Count - start));
        }
    }

    private struct PolynomialWork : IParallelWork
    {
        internal float* Gram, Square;
        internal float A, B, C;
        internal long Rows;
        internal int N;

        public readonly void Execute(int task)
        {
            for (var row = (long)task * RowsPerTask; row < Math.Min(Rows, (task + 1L) * RowsPerTask); row++)
            {
                float* gram = Gram + (row * N), square = Square + (row * N);
                Simd.Scale(square, C, square, N);
                Simd.AddScaled(gram, B, square, N);
                square[row % N] += A;
            }
        }
    }

    private struct UpdateWork : IParallelWork
    {
        internal float* G, P, Scales;
        internal int Rows, Columns;
        internal bool PerRow;
        internal float Rate, Decay;

        public readonly void Execute(int task)
        {
            Vector512<float> rate = Vector512.Create(Rate), decay = Vector512.Create(Decay), zero = Vector512<float>.Zero;
            for (var row = task * RowsPerTask; row < Math.Min(Rows, (task + 1) * RowsPerTask); row++)
            {
                float* g = G + ((long)row * Columns), p = P + ((long)row * Columns);
                var i = 0;
                for (; i <= Columns - Simd.Lanes; i += Simd.Lanes)
                {
                    var update = Vector512.Load(g + i) * (PerRow ? Vector512.Create(Scales[row]) : Vector512.Load(Scales + i));
                    var value = Vector512.Load(p + i);
                    var agrees = Vector512.GreaterThanOrEqual(update * value, zero);
                    (value - (rate * (update + Vector512.ConditionalSelect(agrees, decay * value, zero)))).Store(p + i);
                }

                for (; i < Columns; i++)
                {
                    var update = g[i] * Scales[PerRow ? row : i];
                    p[i] -= Rate * (update + (update * p[i] >= 0 ? Decay * p[i] : 0));
                }
            }
        }
    }
}
