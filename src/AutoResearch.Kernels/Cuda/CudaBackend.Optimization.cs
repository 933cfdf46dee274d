using System.Runtime.InteropServices;

namespace AutoResearch.Kernels;

public sealed partial class CudaBackend
{
    private const int OptimizerBlockElements = 256 * 16;
    private const int MuonBlocks = 64;

    private AdamTensor[] _adamTensors = [];
    private GradientTensor[] _gradientTensors = [];
    private MuonMatrix[] _muonMatrices = [];

    /// <inheritdoc/>
    protected override void AdamWStepCore(ReadOnlySpan<AdamWUpdate> updates, bool clearGradients)
    {
        if (updates.IsEmpty) return;
        if (_adamTensors.Length < updates.Length) _adamTensors = new AdamTensor[updates.Length];
        long blocks = 0;
        for (var i = 0; i < updates.Length; i++)
        {
            ref readonly var u = ref updates[i];
            _adamTensors[i] = new()
            {
                Parameter = u.Parameter.Address, Gradient = Out(u.Parameter.Grad!), First = Out(u.FirstMoment),
                Second = Out(u.SecondMoment), Shadow = ShadowToUpdate(u.Parameter), Count = u.Parameter.ElementCount,
                FirstBlock = blocks, Keep = 1 - (u.LearningRate * u.WeightDecay),
                Rate = (float)(u.LearningRate / (1 - Math.Pow(u.Beta1, u.Step))), Beta1 = u.Beta1, Beta2 = u.Beta2,
                Epsilon = u.Epsilon, Bias2 = (float)(1 / (1 - Math.Pow(u.Beta2, u.Step))),
            };
            blocks += BlocksOf(u.Parameter);
        }

        var table = Table<AdamTensor>(_adamTensors.AsSpan(0, updates.Length));
        Launch(_kernels.Optimizer["adamw"], new(checked((int)blocks), 256), table, updates.Length, clearGradients ? 1 : 0);
    }

    /// <inheritdoc/>
    protected override void MuonMomentumCore(
        ReadOnlySpan<Tensor> parameters, Tensor momentum, Tensor x, float beta, bool clearGradients)
    {
        var size = parameters[0].ElementCount;
        var matrices = MatrixTable(parameters);
        var settings = Table<MuonSettings>([new() { Beta = beta }]);
        var grid = new Dim3(Math.Min(Blocks(size, 1024), MuonBlocks), parameters.Length);
        var partials = _partials.Take(Device, grid.Count * sizeof(float));
        Launch(_kernels.Optimizer["muon_momentum"], new(grid, 256), matrices, settings, Out(momentum), partials, size);
        Launch(_kernels.Optimizer["muon_direction"], new(grid, 256), matrices, settings, momentum.Address, partials, Out(x), size,
            clearGradients ? 1 : 0);
    }

    /// <inheritdoc/>
    protected override void PolarPolynomialCore(Tensor gram, Tensor square, float a, float b, float c) => Launch(
        _kernels.Optimizer["polar_polynomial"], new(Blocks(gram.ElementCount, 1024), 256),
        gram.Address, Out(square), gram.ElementCount, gram.Shape.Columns, a, b, c);

    /// <inheritdoc/>
    protected override void MuonUpdateCore(
        Tensor x, ReadOnlySpan<Tensor> parameters, Tensor secondMoment, float learningRate, float weightDecay, float beta2)
    {
        var (rows, columns) = (parameters[0].Shape[0], parameters[0].Shape[1]);
        var (tall, count) = (rows >= columns, parameters.Length);
        var kept = tall ? rows : columns;
        var matrices = MatrixTable(parameters);
        var settings = Table<MuonSettings>([new() { Rate = learningRate, Decay = weightDecay, Beta2 = beta2 }]);
        var squares = _partials.Take(Device, (((long)count * kept) + count) * sizeof(float));
        var ratio = squares + (nint)((long)count * kept * sizeof(float));
        var (name, blocks) = tall ? ("muon_row_moments", (rows + 7) / 8) : ("muon_column_moments", (columns + 31) / 32);
        Launch(_kernels.Optimizer[name], new((blocks, count), 256), x.Address, settings, Out(secondMoment), squares,
            rows, columns);
        Launch(_kernels.Optimizer["muon_ratio"], new(count, 256), secondMoment.Address, squares, ratio, kept);
        Launch(_kernels.Optimizer["muon_update"], new((Blocks((long)rows * columns, 1024), count), 256),
            x.Address, matrices, settings, secondMoment.Address, ratio, rows, columns, tall ? 1 : 0);
    }

    /// <inheritdoc/>
    protected override double GradientNormCore(ReadOnlySpan<Tensor> parameters)
    {
        if (parameters.IsEmpty) return 0;
        NotInStep("read the gradient's norm");
        var (_, norm, _) = Norm(parameters, limit: 0);
        double value = 0;
        CopyToHost(norm, MemoryMarshal.AsBytes(new Span<double>(ref value)));
        return value;
    }

    /// <inheritdoc/>
    protected override void ClipGradientsCore(ReadOnlySpan<Tensor> parameters, double limit)
    {
        if (parameters.IsEmpty) return;
        var (table, norm, blocks) = Norm(parameters, limit);
        Launch(_kernels.Optimizer["scale_gradients"], new(blocks, 256), table, parameters.Length, norm);
    }

    private (nint Table, nint Norm, int Blocks) Norm(ReadOnlySpan<Tensor> parameters, double limit)
    {
        if (_gradientTensors.Length < parameters.Length) _gradientTensors = new GradientTensor[parameters.Length];
        long blocks = 0;
        for (var i = 0; i < parameters.Length; i++)
        {
            _gradientTensors[i] =
                new() { Gradient = Out(parameters[i].Grad!), Count = parameters[i].ElementCount, FirstBlock = blocks };
            blocks += BlocksOf(parameters[i]);
        }

        var table = Table<GradientTensor>(_gradientTensors.AsSpan(0, parameters.Length));
        var partials = _partials.Take(Device, (blocks + 2) * sizeof(double));
        var norm = partials + (nint)(blocks * sizeof(double));
        Launch(_kernels.Optimizer["sum_squares"], new(checked((int)blocks), 256), table, parameters.Length, partials);
        Launch(_kernels.Optimizer["finish_norm"], new(1, 256), partials, (int)blocks, limit, norm);
        return (table, norm, (int)blocks);
    }

    private nint MatrixTable(ReadOnlySpan<Tensor> parameters)
    {
        if (_muonMatrices.Length < parameters.Length) _muonMatrices = new MuonMatrix[parameters.Length];
        for (var i = 0; i < parameters.Length; i++)
            _muonMatrices[i] = new()
            {
                Parameter = parameters[i].Address,
                Gradient = Out(parameters[i].Grad!),
                Shadow = ShadowToUpdate(parameters[i]),
            };
        return Table<MuonMatrix>(_muonMatrices.AsSpan(0, parameters.Length));
    }

    private static long BlocksOf(Tensor tensor) => (tensor.ElementCount + OptimizerBlockElements - 1) / OptimizerBlockElements;

    // As in optimizer.cu.
    private struct AdamTensor
    {
        internal nint Parameter, Gradient, First, Second, Shadow;
        internal long Count, FirstBlock;
        internal float Keep, Rate, Beta1, Beta2, Epsilon, Bias2;
    }

    private struct GradientTensor
    {
        internal nint Gradient;
        internal long Count, FirstBlock;
    }

    private struct MuonMatrix
    {
        internal nint Parameter, Gradient, Shadow;
    }

    private struct MuonSettings
    {
        internal float Beta, Rate, Decay, Beta2;
    }
}
