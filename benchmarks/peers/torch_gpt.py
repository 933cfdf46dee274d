"""The model and the optimizers of src/AutoResearch.Pretraining in PyTorch on the CPU, single precision, eager mode.

    torch_gpt.py serve        measures: one request a line on stdin, one answer a line on stdout
    torch_gpt.py check DIR    the same weights and batches as the library's: prints both losses and the largest differences

Requests are "<case> <integers> <threads> <seconds>"; the answer is the seconds of one call, averaged over at least <seconds>.
The cases are the keys of CASES, with the integers that their functions take.
"""
import ctypes
import json
import math
import os
import struct
import sys
import time



def openblas(function, result=ctypes.c_char_p, *arguments):
    """Calls Debian's OpenBLAS, which torch uses for its products there; None when there is no such library."""
    try:
        entry = getattr(ctypes.CDLL("libopenblas.so.0"), function)
    except OSError:
        return None
    entry.restype = result
    value = entry(*arguments)
    return value.decode() if isinstance(value, bytes) else value


def start_again_with_fast_kernels():
    """An OpenBLAS that is older than the processor takes it for a Prescott, and is then five times slower than it need be."""
    if "OPENBLAS_CORETYPE" in os.environ or openblas("openblas_get_corename") not in ("Prescott", "Core2", "Nehalem"):
        return
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    kernels = "SkylakeX" if "avx512bw" in flags else "Haswell" if "avx2" in flags else None
    if kernels:
        os.environ["OPENBLAS_CORETYPE"] = kernels
        os.execv(sys.executable, [sys.executable] + sys.argv)


if __name__ == "__main__":
    start_again_with_fast_kernels()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from gpt_constants import EPSILON, POLAR_EXPRESS  # noqa: E402


def rms_norm(x):
    if hasattr(F, "rms_norm"):
        return F.rms_norm(x, (x.size(-1),), eps=EPSILON)
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON)


def rotate(x, cos, sin):
    half = x.size(-1) // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos + b * sin, b * cos - a * sin), -1)


def attention(q, k, v, mask):
    """[batch, heads, sequence, dim] each; mask is True where a query must not look, None for plain causal attention."""
    if hasattr(F, "scaled_dot_product_attention"):
        if mask is None:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=~mask)
    scores = (q @ k.transpose(-2, -1)) * (1 / math.sqrt(q.size(-1)))
    if mask is None:
        mask = torch.ones(q.size(-2), q.size(-2), dtype=torch.bool).triu(1)
    return F.softmax(scores.masked_fill(mask, float("-inf")), -1) @ v


class Config:
    def __init__(self, depth, dim, heads, kv_heads, sequence, batch, vocabulary,
                 window=None, pattern="SSSL", softcap=15.0, gate_channels=32):
        self.depth, self.dim, self.heads, self.kv_heads = depth, dim, heads, kv_heads
        self.sequence, self.batch, self.vocabulary = sequence, batch, vocabulary
        self.window, self.pattern, self.softcap = window or max(1, sequence // 2), pattern, softcap
        self.gate_channels, self.head_dim = min(gate_channels, dim), dim // heads

    def window_of(self, layer):
        long = layer == self.depth - 1 or self.pattern[layer % len(self.pattern)] == "L"
        return self.sequence if long else min(self.window, self.sequence)

    def has_value_embedding(self, layer):
        return layer % 2 == (self.depth - 1) % 2


class Gpt:
    def __init__(self, c):
        self.c = c
        kv = c.kv_heads * c.head_dim
        bound = math.sqrt(3 / c.dim)
        self.weights = w = {
            "transformer.wte.weight": torch.randn(c.vocabulary, c.dim),
            "lm_head.weight": torch.randn(c.vocabulary, c.dim) * 0.001,
            "resid_lambdas": torch.ones(c.depth),
            "x0_lambdas": torch.full((c.depth,), 0.1),
        }
        for i in range(c.depth):
            h = f"transformer.h.{i}."
            for name, rows in (("c_q", c.dim), ("c_k", kv), ("c_v", kv)):
                w[f"{h}attn.{name}.weight"] = torch.empty(rows, c.dim).uniform_(-bound, bound)
            w[h + "attn.c_proj.weight"] = torch.zeros(c.dim, c.dim)
            w[h + "mlp.c_fc.weight"] = torch.empty(4 * c.dim, c.dim).uniform_(-bound, bound)
            w[h + "mlp.c_proj.weight"] = torch.zeros(c.dim, 4 * c.dim)
            if c.has_value_embedding(i):
                w[f"value_embeds.{i}.weight"] = torch.empty(c.vocabulary, kv).uniform_(-bound, bound)
                w[h + "attn.ve_gate.weight"] = torch.zeros(c.kv_heads, c.gate_channels)
        for tensor in w.values():
            tensor.requires_grad_(True)
        frequencies = 10000.0 ** (-torch.arange(0, c.head_dim, 2, dtype=torch.float64) / c.head_dim)
        angles = torch.outer(torch.arange(c.sequence, dtype=torch.float64), frequencies)
        self.cos, self.sin = (f(angles).float()[None, :, None, :] for f in (torch.cos, torch.sin))
        distance = torch.arange(c.sequence)[:, None] - torch.arange(c.sequence)[None, :]
        windows = {c.window_of(i) for i in range(c.depth)}
        self.masks = {w: None if w >= c.sequence else (distance < 0) | (distance > w) for w in windows}

    def block(self, i, x, x0, tokens):
        c, w, h = self.c, self.weights, f"transformer.h.{i}."
        b, t = tokens.shape
        x = w["resid_lambdas"][i] * x + w["x0_lambdas"][i] * x0
        n = rms_norm(x)
        q = F.linear(n, w[h + "attn.c_q.weight"]).view(b, t, c.heads, c.head_dim)
        k = F.linear(n, w[h + "attn.c_k.weight"]).view(b, t, c.kv_heads, c.head_dim)
        v = F.linear(n, w[h + "attn.c_v.weight"]).view(b, t, c.kv_heads, c.head_dim)
        if c.has_value_embedding(i):
            gate = 2 * torch.sigmoid(F.linear(n[..., :c.gate_channels], w[h + "attn.ve_gate.weight"]))
            v = v + gate.unsqueeze(-1) * F.embedding(tokens, w[f"value_embeds.{i}.weight"]).view(b, t, c.kv_heads, c.head_dim)
        q, k = rms_norm(rotate(q, self.cos, self.sin)), rms_norm(rotate(k, self.cos, self.sin))
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        if c.kv_heads < c.heads:
            k, v = (s.repeat_interleave(c.heads // c.kv_heads, 1) for s in (k, v))
        y = attention(q, k, v, self.masks[c.window_of(i)]).transpose(1, 2).reshape(b, t, c.dim)
        x = x + F.linear(y, w[h + "attn.c_proj.weight"])
        return x + F.linear(F.relu(F.linear(rms_norm(x), w[h + "mlp.c_fc.weight"])).square(), w[h + "mlp.c_proj.weight"])

    def loss(self, tokens, targets):
        x = x0 = rms_norm(F.embedding(tokens, self.weights["transformer.wte.weight"]))
        for i in range(self.c.depth):
            x = self.block(i, x, x0, tokens)
        return cross_entropy(rms_norm(x), self.weights["lm_head.weight"], targets, self.c.softcap)


def cross_entropy(x, weight, targets, softcap):
    logits = softcap * torch.tanh(F.linear(x, weight) / softcap)
    return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)


class Optimizer:
    """AdamW for embeddings, head and scalars, Muon for the layers' matrices, stacked by shape."""

    def __init__(self, model, weight_decay=0.2, matrix_lr=0.04, epsilon=1e-10):
        self.step_number, self.weight_decay, self.matrix_lr, self.epsilon = 0, weight_decay, matrix_lr, epsilon
        scale = (model.c.dim / 768) ** -0.5
        self.adam, shapes = [], {}
        for name, p in model.weights.items():
            if "transformer.h." in name:
                shapes.setdefault(tuple(p.shape), []).append(p)
                continue
            rate, beta1 = (0.004 * scale, 0.8) if name == "lm_head.weight" else (0.005, 0.8) if name == "resid_lambdas" \
                else (0.5, 0.96) if name == "x0_lambdas" else (0.6 * scale, 0.8)
            self.adam.append((p, rate, beta1, torch.zeros_like(p), torch.zeros_like(p)))
        self.muon = [(ps, torch.zeros(len(ps), *shape), torch.zeros(len(ps), max(shape))) for shape, ps in shapes.items()]

    @torch.no_grad()
    def step(self, rate=1.0, momentum=0.85, progress=0.0):
        self.step_number += 1
        for p, lr, beta1, m, v in self.adam:
            m.lerp_(p.grad, 1 - beta1)
            v.lerp_(p.grad.square(), 1 - 0.95)
            denominator = (v / (1 - 0.95 ** self.step_number)).sqrt_().add_(self.epsilon)
            p.addcdiv_(m, denominator, value=-lr * rate / (1 - beta1 ** self.step_number))
            p.grad = None
        for parameters, buffer, second in self.muon:
            self.muon_step(parameters, buffer, second, self.matrix_lr * rate, momentum, self.weight_decay * (1 - progress))

    @staticmethod
    def muon_step(parameters, buffer, second, rate, momentum, weight_decay):
        g, p = torch.stack([p.grad for p in parameters]), torch.stack(list(parameters))
        rows, columns = g.shape[-2:]
        buffer.lerp_(g, 1 - momentum)
        x = g.lerp_(buffer, momentum)
        x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-6)
        for a, b, c in POLAR_EXPRESS:
            gram = x.mT @ x if rows > columns else x @ x.mT
            polynomial = b * gram + c * (gram @ gram)
            x = a * x + (x @ polynomial if rows > columns else polynomial @ x)
        reduced = -1 if rows >= columns else -2
        mean = x.square().mean(reduced)
        norm = x.square().sum((-2, -1)).sqrt()
        second.lerp_(mean, 1 - 0.95)
        scale = second.clamp_min(1e-10).rsqrt()
        scaled = (mean * (columns if reduced == -1 else rows) * scale.square()).sum(-1).sqrt()
        x = x * (scale * (norm / scaled.clamp_min(1e-10))[:, None]).unsqueeze(reduced)
        rate *= max(1.0, rows / columns) ** 0.5
        p = p - rate * (x + weight_decay * p * (x * p >= 0))
        for parameter, value in zip(parameters, p.unbind(0)):
            parameter.copy_(value)
            parameter.grad = None


def train_step(model, optimizer, tokens, targets, **schedule):
    loss = model.loss(tokens, targets)
    loss.backward()
    optimizer.step(**schedule)
    return loss.item()


# ---------------------------------------------------------------- measuring

def gemm(m, n, k):
    a, b, c = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
    return lambda: torch.mm(a, b, out=c)


def attention_forward(b, t, h, d):
    q, k, v = (torch.randn(b, h, t, d) for _ in range(3))
    mask = None if hasattr(F, "scaled_dot_product_attention") else torch.ones(t, t, dtype=torch.bool).triu(1)

    def run():
        with torch.no_grad():
            attention(q, k, v, mask)
    return run


def attention_backward(b, t, h, d):
    q, k, v = (torch.randn(b, h, t, d, requires_grad=True) for _ in range(3))
    mask = None if hasattr(F, "scaled_dot_product_attention") else torch.ones(t, t, dtype=torch.bool).triu(1)
    y = attention(q, k, v, mask)
    dy = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, (q, k, v), dy, retain_graph=True)


def loss_and_gradient(rows, dim, vocabulary):
    x, weight = torch.randn(rows, dim, requires_grad=True), (torch.randn(vocabulary, dim) * 0.02).requires_grad_(True)
    targets = torch.randint(vocabulary, (rows,))
    return lambda: torch.autograd.grad(cross_entropy(x, weight, targets, 15.0), (x, weight))


def model_of(depth, dim, heads, sequence, batch, vocabulary):
    c = Config(depth, dim, heads, heads, sequence, batch, vocabulary)
    return c, Gpt(c)


def optimizer_step(*shape):
    _, model = model_of(*shape)
    optimizer = Optimizer(model)
    gradients = [torch.randn_like(p) for p in model.weights.values()]

    def run():
        for p, g in zip(model.weights.values(), gradients):
            p.grad = g
        optimizer.step()
    return run


def training_step(*shape):
    c, model = model_of(*shape)
    optimizer = Optimizer(model)
    tokens, targets = (torch.randint(c.vocabulary, (c.batch, c.sequence)) for _ in range(2))
    return lambda: train_step(model, optimizer, tokens, targets)


CASES = {f.__name__: f for f in (gemm, attention_forward, attention_backward, loss_and_gradient, optimizer_step, training_step)}


def describe():
    name = f"PyTorch {torch.__version__.split('+')[0]}"
    if torch.backends.mkl.is_available():
        return name + ", MKL"
    config = openblas("openblas_get_config")
    return f"{name}, {' '.join(config.split()[:2])} with {openblas('openblas_get_corename')} kernels" if config else name


def serve():
    torch.manual_seed(1)
    print(describe(), flush=True)
    current, run = None, None
    for line in sys.stdin:
        case, *numbers, seconds = line.split()
        *numbers, threads = map(int, numbers)
        torch.set_num_threads(threads)
        openblas("openblas_set_num_threads", None, threads)  # its threads are its own: torch's call does not reach them
        if current != (case, numbers, threads):
            current, run = None, None  # the old one's memory first
            if case not in CASES:
                print("unsupported", flush=True)
                continue
            current, run = (case, numbers, threads), CASES[case](*numbers)
            run()
        calls, start = 0, time.perf_counter()
        while calls == 0 or time.perf_counter() - start < float(seconds):
            run()
            calls += 1
        print((time.perf_counter() - start) / calls, flush=True)


# ---------------------------------------------------------------- checking

def load_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<q", file.read(8))[0]))
        data = bytearray(file.read())
    return {name: torch.frombuffer(data, dtype=torch.float32,
                                   count=(e["data_offsets"][1] - e["data_offsets"][0]) // 4, offset=e["data_offsets"][0])
            .view(e["shape"]).clone() for name, e in header.items() if name != "__metadata__"}


def difference(ours, theirs):
    """Largest difference of any element, relative to the root mean square of the tensor."""
    return ((ours - theirs).abs().max() / theirs.square().mean().sqrt().clamp_min(1e-30)).item()


def check(directory):
    with open(os.path.join(directory, "check.json"), encoding="utf-8") as file:
        request = json.load(file)
    c = Config(**request["config"])
    model = Gpt(c)
    batches = torch.tensor(request["tokens"], dtype=torch.int64).view(-1, 2, c.batch, c.sequence)

    weights = load_safetensors(os.path.join(directory, "weights.safetensors"))
    assert weights.keys() == model.weights.keys(), weights.keys() ^ model.weights.keys()
    with torch.no_grad():
        for name, value in weights.items():
            model.weights[name].copy_(value)
    loss = model.loss(batches[0, 0], batches[0, 1])
    loss.backward()
    gradients = load_safetensors(os.path.join(directory, "gradients.safetensors"))
    worst = max(((difference(gradients[name], p.grad), name) for name, p in model.weights.items()))
    losses = []
    for p in model.weights.values():
        p.grad = None
    optimizer = Optimizer(model, epsilon=request["epsilon"])
    steps = len(batches)
    for i, (tokens, targets) in enumerate(batches):
        progress = i / steps
        rate = 1.0 if progress < 0.5 else (1 - progress) / 0.5
        share = min(i / 300, 1)
        momentum = (1 - share) * 0.85 + share * 0.95
        losses.append(train_step(model, optimizer, tokens, targets, rate=rate, momentum=momentum, progress=progress))
    print(json.dumps({"peer": describe(), "loss": loss.item(),
                      "gradientDifference": worst[0], "gradientName": worst[1], "losses": losses}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] == ["check"] and len(sys.argv) == 3:
        check(sys.argv[2])
    else:
        sys.exit(__doc__)
