using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace AutoResearch;

/// <summary>Research loops for hosts.</summary>
public static class AutoResearchServiceCollectionExtensions
{
    /// <summary>
    /// Registers a <see cref="ResearchLoop"/> as a singleton. Proposer, runner, acceptor, logging and clock that
    /// <paramref name="configure"/> does not set come from the services, if they are there.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="problem">What is to be improved.</param>
    /// <param name="configure">Builds the loop further, with access to the services; null when the services
    /// hold everything.</param>
    public static IServiceCollection AddAutoResearch(
        this IServiceCollection services, ResearchProblem problem,
        Action<IServiceProvider, ResearchLoopBuilder>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(problem);
        services.TryAddSingleton(provider => Build(provider, problem, configure));
        return services;
    }

    /// <summary>
    /// Registers a loop under a key, for hosts with several: as <c>[FromKeyedServices("name")] ResearchLoop</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="problem">What is to be improved.</param>
    /// <param name="configure">Builds the loop further, with access to the services; null when the services
    /// hold everything.</param>
    public static IServiceCollection AddKeyedAutoResearch(
        this IServiceCollection services, object serviceKey, ResearchProblem problem,
        Action<IServiceProvider, ResearchLoopBuilder>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        ArgumentNullException.ThrowIfNull(problem);
        services.TryAddKeyedSingleton(serviceKey, (provider, _) => Build(provider, problem, configure));
        return services;
    }

    private static ResearchLoop Build(
        IServiceProvider provider, ResearchProblem problem, Action<IServiceProvider, ResearchLoopBuilder>? configure)
    {
        var builder = ResearchLoop.Create(problem);
        configure?.Invoke(provider, builder);
        if (provider.GetService<IApprovalGate>() is { } gate) builder.DefaultGate(gate, provider.GetService<ApprovalPolicy>());
        builder.Default(
            provider.GetService<IHypothesisProposer>(), provider.GetService<IExperimentRunner>(),
            provider.GetService<IRatchetAcceptor>(),
            provider.GetService<ILoggerFactory>(), provider.GetService<TimeProvider>());
        return builder.Build();
    }
}
