namespace AutoResearch.Kernels;

/// <summary>One vector of neighbouring queries: the element-wise part of attention is written once for all widths.</summary>
/// <typeparam name="T">The vector.</typeparam>
internal unsafe interface ILanes<T> where T : unmanaged, ILanes<T>
{
    /// <summary>Queries of one vector.</summary>
    static abstract int Count { get; }

    static abstract T Load(float* address);

    static abstract T Broadcast(float value);

    void Store(float* address);

    static abstract T operator +(T left, T right);

    static abstract T operator -(T left, T right);

    static abstract T operator *(T left, T right);

    /// <summary>Larger of two numbers; either of them when one is NaN.</summary>
    static abstract T Max(T left, T right);

    static abstract bool Same(T left, T right);

    /// <summary>value where low ≤ key ≤ high, otherwise minus infinity.</summary>
    static abstract T Visible(T value, T key, T low, T high);

    /// <summary>value, but 0 where it is minus infinity.</summary>
    static abstract T Finite(T value);

    /// <summary>2ˣ for x ≤ 127, relative error 2e-7; exactly 1 at 0, exactly 0 from −126.5 downwards, NaN stays NaN.</summary>
    static abstract T Exp2(T x);
}
