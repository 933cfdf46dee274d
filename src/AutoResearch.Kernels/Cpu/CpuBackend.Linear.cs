using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

public sealed unsafe partial class CpuBackend
{
    // Logits of so many rows exist at a time.
    private const int ChunkRows = 256;

    private enum Elementwise
    {
        ReluSquared,
        ReluSquaredGradient,
        Softcap,
    }

    /// <inheritdoc/>
    protected override void LinearCore(Tensor x, Tensor weight, Tensor y, Tensor? residual, Activation activation)
    {
        if (residual is not null)
            Buffer.MemoryCopy(residual.Floats, y.Floats, y.ElementCount * sizeof(float), y.ElementCount * sizeof(float));
        Product(
            x.Floats, weight.Floats, y.Floats, (int)x.Shape.Rows, y.Shape.Columns, x.Shape.Columns, false, true, residual is not null);
        if (activation == Activation.ReluSquared) Apply(Elementwise.ReluSquared, y, y);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(Tensor dy, Tensor weight, Tensor dx, bool accumulate, Tensor? activated)
    {
        Product(
            dy.Floats, weight.Floats, dx.Floats, (int)dx.Shape.Rows, dx.Shape.Columns, dy.Shape.Columns, false, false, accumulate);
        if (activated is not null) Apply(Elementwise.ReluSquaredGradient, activated, dx);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(Tensor dy, Tensor x, Tensor dWeight) => Product(
        dy.Floats, x.Floats, dWeight.Floats, dy.Shape.Columns, x.Shape.Columns, (int)x.Shape.Rows, true, false, true);

    /// <inheritdoc/>
    protected override void MatMulCore(Tensor a, Tensor b, Tensor c, bool transposeA, bool transposeB)
    {
        var (batch, rows, columns) = Matrices(c);
        var (_, ar, ac) = Matrices(a);
        var inner = transposeA ? ar : ac;
        for (long i = 0; i < batch; i++)
        {
            Product(
                a.Floats + (i * ar * ac), b.Floats + (i * inner * columns), c.Floats + (i * rows * columns),
                rows, columns, inner, transposeA, transposeB, false);
        }
    }

    /// <inheritdoc/>
    protected override void SoftcapCore(Tensor x, float cap) => Apply(Elementwise.Softcap, x, x, cap);

    /// <inheritdoc/>
    protected override void LinearCrossEntropyCore(
        Tensor x, Tensor weight, Tensor targets, float softcap, Tensor losses, Tensor loss,
        float gradientScale, Tensor? dx, Tensor? dWeight)
    {
        var (rows, columns, vocabulary) = ((int)x.Shape.Rows, x.Shape.Columns, (int)weight.Shape.Rows);
        CheckIndices(targets, vocabulary, "Target", IgnoreIndex);
        var counted = 0;
        for (var row = 0; row < rows; row++) counted += targets.Ints[row] == IgnoreIndex ? 0 : 1;
        var gradients = dx is not null || dWeight is not null;
        var logits = _logits.Take((long)Math.Min(ChunkRows, rows) * vocabulary);
        for (var first = 0; first < rows; first += ChunkRows)
        {
            var count = Math.Min(ChunkRows, rows - first);
            var input = x.Floats + ((long)first * columns);
            Product(input, weight.Floats, logits, count, vocabulary, columns, false, true, false);
            _team.Run(count, new SoftmaxWork
            {
                Logits = logits, Targets = targets.Ints + first, Losses = losses.Floats + first, Vocabulary = vocabulary, Cap = softcap,
                Scale = counted == 0 ? 0 : gradientScale / counted, Gradients = gradients,
            });
            if (dx is not null)
                Product(logits, weight.Floats, dx.Floats + ((long)first * columns), count, columns, vocabulary, false, false, false);
            if (dWeight is not null) Product(logits, input, dWeight.Floats, vocabulary, columns, count, true, false, true);
        }

        double total = 0;
        for (var row = 0; row < rows; row++) total += losses.Floats[row];
        loss.Floats[0] = counted == 0 ? 0 : (float)(total / counted);
    }

    private void Apply(Elementwise function, Tensor x, Tensor y, float cap = 0) => _team.Run(Chunks(y.ElementCount), new ElementwiseWork
    {
        X = x.Floats, Y = y.Floats, Count = y.ElementCount, Function = function, Cap = cap,
    });

    private struct ElementwiseWork : IParallelWork
    {
        internal float* X, Y;
        internal long Count;
        internal Elementwise Function;
        internal float Cap;

        public readonly void Execute(int task)
        {
            var start = task * ElementsPerTask;
            var count = (int)Math.Min(ElementsPerTask, Count - start);
            float* x = X + start, y = Y + start;
            switch (Function)
            {
                case Elementwise.ReluSquared: ReluSquared(y, count); break;
                case Elementwise.ReluSquaredGradient: ReluSquaredGradient(x, y, count); break;
                case Elementwise.Softcap: Simd.Softcap(y, Cap, count); break;
            }
        }

        private static void ReluSquared(float* y, int count)
        {
            var i = 0;
            for (; i <= count - Simd.Lanes; i += Simd.Lanes)
            {
                var v = Vector512.Max(Vector512.Load(y + i), Vector512<float>.Zero);
                (v * v).Store(y + i);
            }

            for (; i < count; i++) y[i] = Math.Max(y[i], 0) * Math.Max(y[i], 0);
        }

        // The derivative of relu(z)² is 2·relu(z) = 2·√(relu(z)²).
        private static void ReluSquaredGradient(float* activated, float* gradient, int count)
        {
            var i = 0;
            for (; i <= count - Simd.Lanes; i += Simd.Lanes)
                (Vector512.Load(gradient + i) * (Vector512.Sqrt(Vector512.Load(activated + i)) * 2)).Store(gradient + i);
            for (; i < count; i++) gradient[i] *= 2 * MathF.Sqrt(activated[i]);
        }
    }

    // One row of logits: loss, then the gradient in place of the logits.
    private struct SoftmaxWork : IParallelWork
    {
        internal float* Logits, Losses;
        internal int* Targets;
        internal int Vocabulary;
        internal float Cap, Scale;
        internal bool Gradients;

        public readonly void Execute(int task)
        {
            var x = Logits + ((long)task * Vocabulary);
            var target = Targets[task];
            if (target == IgnoreIndex)
            {
                Losses[task] = 0;
                new Span<float>(x, Vocabulary).Clear();
                return;
            }

            if (Cap > 0) Simd.Softcap(x, Cap, Vocabulary);
            var max = Simd.Max(x, Vocabulary);
            double sum = 0;
            var exponentials = stackalloc float[256];
            for (var i = 0; i < Vocabulary; i += 256)
                sum += Simd.ExpSum(x + i, 1, max, exponentials, Math.Min(256, Vocabulary - i));
            var logSum = max + (float)Math.Log(sum);
            var logit = x[target];
            Losses[task] = logSum - logit;
            if (!Gradients) return;
            Gradient(x, logSum);
            var slope = Cap > 0 ? 1 - (logit / Cap * (logit / Cap)) : 1;
            x[target] -= Scale * slope;
        }

        private readonly void Gradient(float* x, float logSum)
        {
            var inverseCap = Cap > 0 ? 1 / Cap : 0;
            Vector512<float> scale = Vector512.Create(Scale), cap = Vector512.Create(inverseCap), shift = Vector512.Create(logSum);
            var i = 0;
            for (; i <= Vocabulary - Simd.Lanes; i += Simd.Lanes)
            {
                var v = Vector512.Load(x + i);
                var t = v * cap;
                (Simd.Exp(v - shift) * (scale - (t * t * scale))).Store(x + i);
            }

            for (; i < Vocabulary; i++)
            {
                var t = x[i] * inverseCap;
                x[i] = MathF.Exp(x[i] - logSum) * (1 - (t * t)) * Scale;
            }
        }
    }
}
