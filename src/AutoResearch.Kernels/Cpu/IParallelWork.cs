namespace AutoResearch.Kernels;

/// <summary>Independent tasks over unmanaged state: pointers and numbers.</summary>
internal interface IParallelWork
{
    /// <summary>Does one task. Called from any thread, once per task.</summary>
    /// <param name="task">Number of the task.</param>
    void Execute(int task);
}
