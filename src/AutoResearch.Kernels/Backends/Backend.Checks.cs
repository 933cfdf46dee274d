using System.Runtime.CompilerServices;

namespace AutoResearch.Kernels;

public abstract partial class Backend
{
    // The checks build their messages only when they fail: the steady state allocates nothing.
    private void Own(Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        if (!ReferenceEquals(tensor.Backend, this))
            throw new ArgumentException(
                $"{name} ({tensor}) belongs to the backend '{tensor.Backend.Name}', not to '{Name}'.", name);
        _ = tensor.Address;
    }

    private void Float(Tensor tensor, string name, long rows, int columns)
    {
        Own(tensor, name);
        if (tensor.Type != DType.Float32)
            throw new ArgumentException($"{name} must be Float32, but {tensor} is {tensor.Type}.", name);
        Size(tensor, name, rows, columns);
    }

    // An activation or its gradient.
    private void Active(Tensor tensor, string name, long rows, int columns)
    {
        Own(tensor, name);
        if (tensor.Type != ActivationType)
            throw new ArgumentException(
                $"{name} must be {ActivationType}, the type of activations on '{Name}', but {tensor} is {tensor.Type}.", name);
        Size(tensor, name, rows, columns);
    }

    // Anything that can be summed: parameters, gradients, statistics, activations.
    private void Real(Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        Own(tensor, name);
        if (tensor.Type != DType.Float32 && tensor.Type != ActivationType)
            throw new ArgumentException(
                $"{name} must be {(ActivationType == DType.Float32 ? "" : "Float32 or ")}{ActivationType}, "
                + $"but {tensor} is {tensor.Type}.", name);
    }

    private void Int(Tensor tensor, string name, long count)
    {
        Own(tensor, name);
        if (tensor.Type != DType.Int32)
            throw new ArgumentException($"{name} must be Int32, but {tensor} is {tensor.Type}.", name);
        if (tensor.ElementCount != count)
            throw new ArgumentException($"{name} needs {count} elements, but its shape is {tensor.Shape}.", name);
    }

    private static void Size(Tensor tensor, string name, long rows, int columns)
    {
        if (tensor.Shape.Columns != columns || tensor.Shape.Rows != rows)
            throw new ArgumentException(
                $"{name} must have {rows} rows of {columns} elements, but its shape is {tensor.Shape}.", name);
    }

    // A vector with one value per row.
    private void PerRow(Tensor tensor, string name, long count)
    {
        Own(tensor, name);
        if (tensor.Type != DType.Float32 || tensor.ElementCount != count)
            throw new ArgumentException($"{name} needs {count} Float32 elements, but it is {tensor}.", name);
    }
}
