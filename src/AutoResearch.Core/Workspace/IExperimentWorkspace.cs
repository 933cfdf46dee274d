namespace AutoResearch;

/// <summary>Gives every attempt at an experiment a directory of its own with the files to run. Thread-safe.</summary>
public interface IExperimentWorkspace
{
    /// <summary>Makes the directory with the candidate's files in it.</summary>
    /// <param name="experiment">What is to run.</param>
    /// <param name="cancellationToken">Stops the work; what was made so far is removed.</param>
    /// <exception cref="WorkspaceException">The directory cannot be made; the message says why.</exception>
    ValueTask<IExperimentDirectory> CreateAsync(Experiment experiment, CancellationToken cancellationToken = default);
}
