using System.Runtime.Intrinsics;

namespace AutoResearch.Kernels;

public sealed unsafe partial class CpuBackend
{
    // Logits of so many rows exist at a time: enough for the products to be efficient, few enough not to fill the memory.
    private const int MostChunkRows = 2048;
    private const int LeastChunkRows = 256;
    private const int ChunkElements = 1 << 23;

    /// <inheritdoc/>
    protected override void LinearCore(Tensor x, Tensor weight, Tensor y, Tensor? residual, Activation activation)
    {
        var activate = activation == Activation.ReluSquared;
        if (activate && residual is not null) // both at once occur in no model here: the residual goes in first
            Buffer.MemoryCopy(residual.Floats, y.Floats, y.ElementCount * sizeof(float), y.ElementCount * sizeof(float));
        Product(
            x.Floats, weight.Floats, y.Floats, (int)x.Shape.Rows, y.Shape.Columns, x.Shape.Columns, false, true,
            accumulate: activate && residual is not null,
            activate ? GemmEpilogue.ReluSquared : residual is not null ? GemmEpilogue.Add : GemmEpilogue.None,
            residual is null ? null : residual.Floats);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(Tensor dy, Tensor weight, Tensor dx, bool accumulate, Tensor? activated) =>
        Product(
            dy.Floats, weight.Floats, dx.Floats, (int)dx.Shape.Rows, dx.Shape.Columns, dy.Shape.Columns, false, false, accumulate,
            activated is null ? GemmEpilogue.None : GemmEpilogue.ReluSquaredGradient,
            activated is null ? null : activated.Floats);

    /// <inheritdoc/>
    protected override void LinearBackwardWeightCore(Tensor dy, Tensor x, Tensor dWeight) => Product(
        dy.Floats, x.Floats, dWeight.Floats, dy.Shape.Columns, x.Shape.Columns, (int)x.Shape.Rows, true, false, true);

    /// <inheritdoc/>
    protected override void SoftcapCore(Tensor x, float cap) =>
        _team.Run(Chunks(x.ElementCount), new SoftcapWork { X = x.Floats, Count = x.ElementCount, Cap = cap });

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
        var chunk = Math.Min(rows, Math.Clamp(ChunkElements / vocabulary, LeastChunkRows, MostChunkRows));
        var logits = _logits.Take((long)chunk * vocabulary);
        var forward = Packed(_weights, weight.Floats, vocabulary, columns, transposeB: true);
        var backward = dx is null ? null : Packed(_weightsTransposed, weight.Floats, columns, vocabulary, transposeB: false);
        for (var first = 0; first < rows; first += chunk)
        {
            var count = Math.Min(chunk, rows - first);
            var input = x.Floats + ((long)first * columns);
            ProductPacked(input, forward, logits, count, vocabulary, columns);
            _team.Run(count, new SoftmaxWork
            {
                Logits = logits, Targets = targets.Ints + first, Losses = losses.Floats + first, Vocabulary = vocabulary,
                Cap = softcap, Scale = counted == 0 ? 0 : gradientScale / counted, Gradients = gradients,
            });
            if (dx is not null)
                ProductPacked(logits, backward, dx.Floats + ((long)first * columns), count, columns, vocabulary);
            if (dWeight is not null) Product(logits, input, dWeight.Floats, vocabulary, columns, count, true, false, true);
        }

        double total = 0;
        for (var row = 0; row < rows; row++) total += losses.Floats[row];
        loss.Floats[0] = counted == 0 ? 0 : (float)(total / counted);
    }

    private struct SoftcapWork : IParallelWork
    {
        internal float* X;
        internal long Count;
        internal float Cap;

        public readonly void Execute(int task)
        {
            var start = task * ElementsPerTask;
            Simd.Softcap(X + start, Cap, (int)Math.Min(ElementsPerTask, Count - start));
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
            Vector512<float> scale = Vector512.Create(Scale), cap = Vector512.Create(inverseCap),
                shift = Vector512.Create(logSum);
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
