using AutoResearch.Kernels;

namespace AutoResearch.Pretraining.Tests;

public sealed class GptModelTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradient_WholeModel_AgreesWithFiniteDifferences(bool documents)
    {
        using var backend = new ReferenceBackend();
        using var model = new GptModel(backend, Tiny.Config, 3);
        // Zeros would hide half of the gradients: output projections and gates begin there.
        var stream = 100UL;
        foreach (var matrix in model.Matrices) ParameterInitializer.Normal(matrix, 0.15f, 7, stream++);
        using var tape = new Tape(backend);
        var (inputs, targets) = Batch(2, Tiny.Config);
        int[] starts = [0, 0, 0, 0, 0, 5, 5, 5, 5, 9, 10, 10, 0, 1, 1, 1, 1, 1, 6, 6, 6, 6, 6, 6];
        Tensor? Starts() => documents ? tape.Input(starts, starts.Length) : null;
        double Loss()
        {
            tape.Reset(record: false);
            var losses = model.Losses(tape, tape.Input(inputs, inputs.Length), tape.Input(targets, targets.Length), 2,
                Starts()).ToArray();
            return losses.Sum(l => (double)l) / targets.Count(t => t >= 0);
        }

        tape.Reset();
        tape.Backward(model.Loss(tape, tape.Input(inputs, inputs.Length), tape.Input(targets, targets.Length), 2,
            documentStarts: Starts()));
        var random = new Random(5);
        foreach (var parameter in model.Parameters)
        {
            // Along a random direction, so that every element takes part in one comparison.
            var (values, gradient) = (parameter.ToArray(), parameter.Grad!.ToArray());
            var direction = values.Select(_ => random.Next(2) == 0 ? -1f : 1f).ToArray();
            // Toward the gradient in most coordinates, else random signs cancel to little more than rounding errors.
            for (var i = 0; i < direction.Length; i++) if (random.Next(4) != 0) direction[i] = gradient[i] < 0 ? -1 : 1;
            var analytic = gradient.Zip(direction, (g, d) => (double)g * d).Sum();
            var step = (float)(0.003 / Math.Max(1, Math.Abs(analytic)));
            parameter.CopyFrom(values.Zip(direction, (v, d) => v + step * d).ToArray());
            var above = Loss();
            parameter.CopyFrom(values.Zip(direction, (v, d) => v - step * d).ToArray());
            var below = Loss();
            parameter.CopyFrom(values);
            var numeric = (above - below) / (2 * step);
            Assert.True(Math.Abs(numeric - analytic) <= 0.02 * Math.Abs(analytic) + 2e-4,
                $"{parameter.Name}: analytic {analytic}, numeric {numeric}");
            Assert.True(gradient.Any(g => g != 0), $"{parameter.Name} has no gradient at all");
        }
    }

    [Fact]
    public void Loss_AtInitialisation_IsThatOfGuessing()
    {
        using var backend = new ReferenceBackend();
        var config = Tiny.Config with { HeadInit = 0.001 };
        using var model = new GptModel(backend, config, 3);
        using var tape = new Tape(backend);
        var (inputs, targets) = Batch(4, config);
        var loss = model.Loss(tape, tape.Input(inputs, inputs.Length), tape.Input(targets, targets.Length), 4).Item();
        Assert.Equal(Math.Log(config.VocabularySize), loss, 0.02);
    }

    [Fact]
    public void Forward_LaterToken_ChangesNothingBefore()
    {
        using var backend = new ReferenceBackend();
        using var model = new GptModel(backend, Tiny.Config, 3);
        var stream = 100UL;
        foreach (var matrix in model.Matrices) ParameterInitializer.Normal(matrix, 0.15f, 7, stream++);
        using var tape = new Tape(backend);
        var (inputs, _) = Batch(1, Tiny.Config);
        var before = model.Forward(tape, tape.Input(inputs, inputs.Length), 1).ToArray();
        inputs[7] = (inputs[7] + 1) % Tiny.Config.VocabularySize;
        tape.Reset();
        var after = model.Forward(tape, tape.Input(inputs, inputs.Length), 1).ToArray();
        Assert.Equal(before[..(7 * 32)], after[..(7 * 32)]);
        Assert.NotEqual(before[(7 * 32)..(8 * 32)], after[(7 * 32)..(8 * 32)]);
    }

    [Fact]
    public void Losses_MaskedDocument_DoesNotDependOnWhatStandsBeforeIt()
    {
        using var reference = new ReferenceBackend();
        using var cpu = new CpuBackend(new() { Threads = 2 });
        foreach (var backend in (Backend[])[reference, cpu])
        {
            using var model = new GptModel(backend, Tiny.Config, 3);
            var stream = 100UL;
            foreach (var matrix in model.Matrices) ParameterInitializer.Normal(matrix, 0.15f, 7, stream++);
            using var tape = new Tape(backend);
            var (inputs, targets) = Batch(1, Tiny.Config);
            var expected = Losses(inputs, targets, masked: true);
            var (alone, plain) = (Losses(inputs[5..], targets[5..], masked: false), Losses(inputs, targets, masked: false));
            for (var i = 0; i < 7; i++) Assert.Equal(alone[i], expected[5 + i], 1e-4f);
            for (var i = 0; i < 5; i++) inputs[i] = (inputs[i] + 1 + i) % Tiny.Config.VocabularySize;
            Assert.Equal(expected[5..], Losses(inputs, targets, masked: true)[5..]);
            Assert.NotEqual(plain[5..], Losses(inputs, targets, masked: false)[5..]);

            float[] Losses(int[] tokens, int[] wanted, bool masked)
            {
                tape.Reset(record: false);
                var starts = masked ? tape.Input([0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 5, 5], 12) : null;
                return model.Losses(tape, tape.Input(tokens, tokens.Length), tape.Input(wanted, wanted.Length), 1,
                    starts).ToArray();
            }
        }
    }

    [Fact]
    public void Forward_RowsLongerThanTheModel_Throws()
    {
        using var backend = new ReferenceBackend();
        using var model = new GptModel(backend, Tiny.Config, 3);
        using var tape = new Tape(backend);
        Assert.Throws<ArgumentException>(() => model.Forward(tape, tape.Input(new int[13], 13), 1));
    }

    [Fact]
    public void Size_CountsTheParametersThatExist()
    {
        using var backend = new ReferenceBackend();
        using var model = new GptModel(backend, Tiny.Config, 3);
        Assert.Equal(model.Parameters.Sum(p => p.ElementCount), GptSize.Of(Tiny.Config).Total);
        Assert.Equal(model.Parameters.Count(), model.Parameters.Select(p => p.Name).Distinct().Count());
    }

    [Fact]
    public void Size_OfAutoresearchsDefault_IsAsItReports()
    {
        var size = GptSize.Of(new GptConfig { Depth = 8, TargetHeadDim = 128, SequenceLength = 2048, VocabularySize = 8192 });
        Assert.Equal(50.3, size.Total / 1e6, 0.05);
        Assert.Equal(239.1e6, size.FlopsPerToken, 0.1e6);
    }

    private static (int[] Inputs, int[] Targets) Batch(int rows, GptConfig config)
    {
        var batches = new RandomBatches(rows, config.SequenceLength, config.VocabularySize);
        var (inputs, targets) = (new int[rows * config.SequenceLength], new int[rows * config.SequenceLength]);
        batches.Next(inputs, targets);
        targets[3] = -1;
        return (inputs, targets);
    }
}
