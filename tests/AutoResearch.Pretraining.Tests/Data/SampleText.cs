namespace AutoResearch.Pretraining.Tests;

/// <summary>Text of made-up sentences, the same for the same seed.</summary>
internal static class SampleText
{
    private static readonly string[] Words =
        ("the value array of returns a stream when is not null element at index specified type exception count buffer read "
            + "Größe 数据 42 1999").Split(' ');

    public static DocumentSet Documents(int count, int longestWords, int seed = 1) =>
        DocumentSet.Create(Texts(count, longestWords, seed));

    public static List<string> Texts(int count, int longestWords, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i =>
            string.Join(' ', Enumerable.Range(0, random.Next(1, longestWords + 1)).Select(_ => Words[random.Next(Words.Length)]))
            + $" #{i}.\n")];
    }

    public static BpeTokenizer Tokenizer(int vocabularySize = 400) =>
        BpeTokenizer.Train(Documents(200, 40), vocabularySize, new() { Cache = null });
}
