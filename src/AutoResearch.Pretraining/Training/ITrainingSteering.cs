namespace AutoResearch.Pretraining;

/// <summary>
/// A listener of a training that may act inside of it. With one as its progress, a <see cref="GptTrainer"/> keeps its last good
/// states in memory and asks after every step, and after a loss with which it would end as diverged; that one is
/// reported as NaN or infinite.
/// </summary>
public interface ITrainingSteering : IProgress<TrainingProgress>
{
    /// <summary>
    /// The action to take now, once; null for none. <see cref="RunActionKind.LowerLearningRate"/> and
    /// <see cref="RunActionKind.RollBack"/> are carried out, others are not the trainer's.
    /// </summary>
    RunAction? Take();
}
