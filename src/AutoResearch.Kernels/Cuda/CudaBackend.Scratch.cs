namespace AutoResearch.Kernels;

public sealed partial class CudaBackend
{
    // Working memory by purpose: operations that run one after another share it, those whose contents must last together do not.
    private readonly CudaScratch _roundedScratch = new(), _partials = new(), _rowValues = new(), _sortScratch = new(),
        _logits = new(), _counted = new(), _attentionScratch = new();

    private void DisposeScratch()
    {
        foreach (var scratch in (ReadOnlySpan<CudaScratch>)[_roundedScratch, _partials, _rowValues, _sortScratch, _logits,
            _counted, _attentionScratch])
            scratch.Dispose();
    }
}
