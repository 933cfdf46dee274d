namespace AutoResearch.Kernels;

public sealed unsafe partial class CpuBackend
{
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
                    Simd.AddScaled(dv, Forward.Gate[at], DTable + ((long)Forward.Tokens[row] * layout.KvColumns) + offset,
                        layout.HeadDim);
                if (DGateWeight != null)
                {
                    Simd.AddScaled(
                        Forward.X + (row * Forward.Channels), Forward.Dz[at], DGateWeight + ((long)task * Forward.GateChannels),
                        Forward.GateChannels);
                }
            }
        }
    }
}
