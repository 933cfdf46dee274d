namespace AutoResearch.Kernels;

public sealed unsafe partial class CpuBackend
{
    private const int QueriesPerTask = 64;

    /// <inheritdoc/>
    protected override void RotaryNormCore(Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout) =>
        _team.Run(RowTasks(layout.Tokens), new RotaryWork
        {
            Qkv = qkv.Floats, Rotary = rotary.Floats, Inverse = inverseRms.Floats, Layout = layout,
        });

    /// <inheritdoc/>
    protected override void RotaryNormBackwardCore(
        Tensor dqkv, Tensor qkv, Tensor rotary, Tensor inverseRms, in AttentionLayout layout) =>
        _team.Run(RowTasks(layout.Tokens), new RotaryWork
        {
            Gradient = dqkv.Floats, Qkv = qkv.Floats, Rotary = rotary.Floats, Inverse = inverseRms.Floats, Layout = layout,
        });

    /// <inheritdoc/>
    protected override void ValueEmbeddingCore(
        Tensor qkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, in AttentionLayout layout)
    {
        CheckIndices(tokens, table.Shape.Rows, "Token");
        _team.Run(RowTasks(layout.Tokens), new ValueWork
        {
            Qkv = qkv.Floats, X = x.Floats, Table = table.Floats, GateWeight = gateWeight.Floats, Tokens = tokens.Ints,
            Gate = gate.Floats, Layout = layout, Channels = x.Shape.Columns, GateChannels = gateWeight.Shape.Columns,
        });
    }

    /// <inheritdoc/>
    protected override void ValueEmbeddingBackwardCore(
        Tensor dqkv, Tensor x, Tensor table, Tensor gateWeight, Tensor tokens, Tensor gate, Tensor? dx, in AttentionLayout layout)
    {
        CheckIndices(tokens, table.Shape.Rows, "Token");
        var work = new ValueWork
        {
            Qkv = dqkv.Floats, X = x.Floats, Table = table.Floats, GateWeight = gateWeight.Floats, Tokens = tokens.Ints,
            Gate = gate.Floats, Layout = layout, Channels = x.Shape.Columns, GateChannels = gateWeight.Shape.Columns,
            Dx = dx is null ? null : dx.Floats, Dz = _partials.Take((long)layout.Tokens * layout.KvHeads),
        };
        _team.Run(RowTasks(layout.Tokens), work);

        // One task per head owns that head's columns of the table and its row of the gate's weight.
        _team.Run(layout.KvHeads, new ValueScatterWork
        {
            Forward = work,
            DTable = table.Grad is null ? null : table.Grad.Floats,
            DGateWeight = gateWeight.Grad is null ? null : gateWeight.Grad.Floats,
        });
    }

    /// <inheritdoc/>
    protected override void AttentionCore(Tensor qkv, Tensor y, Tensor logSumExp, in AttentionLayout layout, int window)
    {
        var blocks = (layout.Sequence + QueriesPerTask - 1) / QueriesPerTask;
        var tasks = layout.Batch * layout.Heads * blocks;
        _team.Run(tasks, new AttentionWork
        {
            Qkv = qkv.Floats, Y = y.Floats, LogSumExp = logSumExp.Floats, Layout = layout, Window = window, Blocks = blocks,
            Scores = _attention.Take((long)tasks * layout.Sequence), Scale = 1 / MathF.Sqrt(layout.HeadDim),
        });
    }

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(
        Tensor qkv, Tensor y, Tensor logSumExp, Tensor dy, Tensor dqkv, in AttentionLayout layout, int window)
    {
        Clear(dqkv);
        _team.Run(layout.Batch * layout.KvHeads, new AttentionBackwardWork
        {
            Qkv = qkv.Floats, Y = y.Floats, LogSumExp = logSumExp.Floats, Dy = dy.Floats, Dqkv = dqkv.Floats, Layout = layout,
            Window = window, Scale = 1 / MathF.Sqrt(layout.HeadDim),
        });
    }

    private struct RotaryWork : IParallelWork
    {
        internal float* Gradient, Qkv, Rotary, Inverse;
        internal AttentionLayout Layout;

        public readonly void Execute(int task)
        {
            var (heads, dim) = (Layout.Heads + Layout.KvHeads, Layout.HeadDim);
            for (var row = (long)task * RowsPerTask; row < Math.Min(Layout.Tokens, (task + 1L) * RowsPerTask); row++)
            {
                var cos = Rotary + (row % Layout.Sequence * dim);
                for (var head = 0; head < heads; head++)
                {
                    var start = (row * Layout.Columns) + ((long)head * dim);
                    var x = Qkv + start;
                    var inverse = Inverse + (row * heads) + head;
                    if (Gradient == null)
                    {
                        Rotate(x, cos, dim / 2, 1);
                        Simd.Scale(x, *inverse = InverseRms(x, dim), x, dim);
                    }
                    else
                    {
                        var g = Gradient + start;
                        NormRowBackward(g, x, *inverse, Simd.Dot(g, x, dim) / dim, g, dim, false);
                        Rotate(g, cos, dim / 2, -1);
                    }
                }
            }
        }

        private static void Rotate(float* x, float* cos, int half, float direction)
        {
            for (var i = 0; i < half; i++)
            {
                float a = x[i], b = x[half + i], c = cos[i], s = direction * cos[half + i];
                x[i] = (a * c) + (b * s);
                x[half + i] = (b * c) - (a * s);
            }
        }
    }

    // Forward: gates, and values += gate · embedding. Backward (with Dz): gradient of the gate before its sigmoid, and dx.
    private struct ValueWork : IParallelWork
    {
        internal float* Qkv, X, Table, GateWeight, Gate, Dx, Dz;
        internal int* Tokens;
        internal AttentionLayout Layout;
        internal int Channels, GateChannels;

        public readonly void Execute(int task)
        {
            var dim = Layout.HeadDim;
            for (var row = (long)task * RowsPerTask; row < Math.Min(Layout.Tokens, (task + 1L) * RowsPerTask); row++)
            {
                var v = Qkv + (row * Layout.Columns) + Layout.QueryColumns + Layout.KvColumns;
                var embedding = Table + ((long)Tokens[row] * Layout.KvColumns);
                for (var head = 0; head < Layout.KvHeads; head++)
                {
                    var at = (row * Layout.KvHeads) + head;
                    var weight = GateWeight + ((long)head * GateChannels);
                    if (Dz == null)
                    {
                        Gate[at] = 2 / (1 + MathF.Exp(-Simd.Dot(X + (row * Channels), weight, GateChannels)));
                        Simd.AddScaled(embedding + (head * dim), Gate[at], v + (head * dim), dim);
                        continue;
                    }

                    Dz[at] = Simd.Dot(v + (head * dim), embedding + (head * dim), dim) * Gate[at] * (1 - (Gate[at] / 2));
                    if (Dx != null) Simd.AddScaled(weight, Dz[at], Dx + (row * Channels), GateChannels);
                }
            }
        }
    }

    private struct ValueScatterWork : IParallelWork
    {
        internal ValueWork Forward;
        internal float* DTable, DGateWeight;

        public readonly void Execute(int task)
        {
            var layout = Forward.Layout;
            var offset = task * layout.HeadDim;
            for (long row = 0; row < layout.Tokens; row++)
            {
                var at = (row * layout.KvHeads) + task;
                var dv = Forward.Qkv + (row * layout.Columns) + layout.QueryColumns + layout.KvColumns + offset;
                if (DTable != null)
                    Simd.AddScaled(dv, Forward.Gate[at], DTable + ((long)Forward.Tokens[row] * layout.KvColumns) + offset, layout.HeadDim);
                if (DGateWeight != null)
                {
                    Simd.AddScaled(
                        Forward.X + (row * Forward.Channels), Forward.Dz[at], DGateWeight + ((long)task * Forward.GateChannels),
                        Forward.GateChannels);
                }
            }
        }
    }

    // A block of queries of one head, each against its own keys.
    private struct AttentionWork : IParallelWork
    {
        internal float* Qkv, Y, LogSumExp, Scores;
        internal AttentionLayout Layout;
        internal int Window, Blocks;
        internal float Scale;

        public readonly void Execute(int task)
        {
            var (block, head, batch) = (task % Blocks, task / Blocks % Layout.Heads, task / Blocks / Layout.Heads);
            var scores = Scores + ((long)task * Layout.Sequence);
            var (dim, stride) = (Layout.HeadDim, (long)Layout.Columns);
            var sequence = Qkv + ((long)batch * Layout.Sequence * stride);
            var keys = sequence + Layout.QueryColumns + ((long)(head * Layout.KvHeads / Layout.Heads) * dim);
            var values = keys + Layout.KvColumns;
            for (var i = block * QueriesPerTask; i < Math.Min(Layout.Sequence, (block + 1) * QueriesPerTask); i++)
            {
                var first = Window < 0 ? 0 : Math.Max(0, i - Window);
                var count = i - first + 1;
                var q = sequence + (i * stride) + ((long)head * dim);
                for (var j = 0; j < count; j++) scores[j] = Scale * Simd.Dot(q, keys + ((first + j) * stride), dim);
                var max = Simd.Max(scores, count);
                var sum = Simd.ExpSum(scores, 1, max, scores, count);
                var y = Y + (((((long)batch * Layout.Sequence) + i) * Layout.Heads) + head) * dim;
                new Span<float>(y, dim).Clear();
                for (var j = 0; j < count; j++) Simd.AddScaled(values + ((first + j) * stride), scores[j], y, dim);
                Simd.Scale(y, 1 / sum, y, dim);
                LogSumExp[((((long)batch * Layout.Heads) + head) * Layout.Sequence) + i] = max + MathF.Log(sum);
            }
        }
    }

    // One key and value head with all its query heads: nobody else writes its gradients.
    private struct AttentionBackwardWork : IParallelWork
    {
        internal float* Qkv, Y, LogSumExp, Dy, Dqkv;
        internal AttentionLayout Layout;
        internal int Window;
        internal float Scale;

        public readonly void Execute(int task)
        {
            var (batch, kvHead, group) = (task / Layout.KvHeads, task % Layout.KvHeads, Layout.Heads / Layout.KvHeads);
            var (dim, stride) = (Layout.HeadDim, (long)Layout.Columns);
            var origin = batch * Layout.Sequence * stride;
            var keyOffset = origin + Layout.QueryColumns + ((long)kvHead * dim);
            for (var head = kvHead * group; head < (kvHead + 1) * group; head++)
            {
                for (var i = 0; i < Layout.Sequence; i++)
                {
                    var query = origin + (i * stride) + ((long)head * dim);
                    var row = (((((long)batch * Layout.Sequence) + i) * Layout.Heads) + head) * dim;
                    var lse = LogSumExp[((((long)batch * Layout.Heads) + head) * Layout.Sequence) + i];
                    var projection = Simd.Dot(Dy + row, Y + row, dim);
                    for (var j = Window < 0 ? 0 : Math.Max(0, i - Window); j <= i; j++)
                    {
                        var key = keyOffset + (j * stride);
                        var value = key + Layout.KvColumns;
                        var p = MathF.Exp((Scale * Simd.Dot(Qkv + query, Qkv + key, dim)) - lse);
                        var ds = p * (Simd.Dot(Dy + row, Qkv + value, dim) - projection) * Scale;
                        Simd.AddScaled(Qkv + key, ds, Dqkv + query, dim);
                        Simd.AddScaled(Qkv + query, ds, Dqkv + key, dim);
                        Simd.AddScaled(Dy + row, p, Dqkv + value, dim);
                    }
                }
            }
        }
    }
}
