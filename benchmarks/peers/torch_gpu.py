"""The work of benchmarks/gpu in PyTorch on the GPU, in bfloat16, timed with CUDA events.

Says "ready <versions>", then reads one request a line, "<case> <integers>", and answers "name=seconds; name=seconds",
or "error: ...".
Every way that is there answers: of scaled_dot_product_attention the cuDNN and the flash backend, FlashAttention-3 where it is
installed, torch.compile elsewhere. Nothing is installed or downloaded.
"""
import math
import sys
import time

import torch
import torch.nn.functional as F

from gpt_constants import EPSILON, POLAR_EXPRESS

DEVICE = "cuda"
BF16 = torch.bfloat16
STEPS = 20

try:
    from flash_attn_interface import flash_attn_func as flash3
except ImportError:
    flash3 = None


def seconds(run, least=0.25):
    """Seconds of one call, warmed up, over enough calls."""
    for _ in range(2):
        run()
    torch.cuda.synchronize()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    count = max(3, min(2000, int(least / max(1e-6, start.elapsed_time(end) / 1e3))))
    start.record()
    for _ in range(count):
        run()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3 / count


def random(*shape, grad=False):
    return torch.randn(*shape, device=DEVICE, dtype=BF16).requires_grad_(grad)


def rms_norm(x):
    return F.rms_norm(x, (x.size(-1),), eps=EPSILON)


def copy(size):
    a, b = torch.empty(size, dtype=torch.uint8, device=DEVICE), torch.empty(size, dtype=torch.uint8, device=DEVICE)
    return {"torch copy": lambda: b.copy_(a)}


def matmul(n):
    a, b = random(n, n), random(n, n)
    c = torch.empty(n, n, device=DEVICE, dtype=BF16)
    return {"torch.mm": lambda: torch.mm(a, b, out=c)}


def attention_ways():
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def sdpa(backend):
        def call(q, k, v):
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return call
    ways = {"SDPA cuDNN": (sdpa(SDPBackend.CUDNN_ATTENTION), True), "SDPA flash": (sdpa(SDPBackend.FLASH_ATTENTION), True)}
    if flash3 is not None:
        def third(q, k, v):
            result = flash3(q, k, v, causal=True)
            return result[0] if isinstance(result, tuple) else result
        ways["FlashAttention-3"] = (third, False)
    return ways


def attention(batch, sequence, heads, dim, backward):
    runs = {}
    for name, (call, heads_first) in attention_ways().items():
        shape = (batch, heads, sequence, dim) if heads_first else (batch, sequence, heads, dim)
        q, k, v = (random(*shape, grad=backward) for _ in range(3))
        try:
            y = call(q, k, v)
        except RuntimeError as e:
            print(f"{name}: {e}", file=sys.stderr)
            continue
        if not backward:
            runs[name] = lambda call=call, q=q, k=k, v=v: call(q, k, v)
            continue
        dy = torch.randn_like(y)
        runs[name] = lambda y=y, q=q, k=k, v=v, dy=dy: torch.autograd.grad(y, (q, k, v), dy, retain_graph=True)
    return runs


def rms_norm_forward(rows, columns):
    x = random(rows, columns)
    compiled = torch.compile(rms_norm)
    return {"torch.compile": lambda: compiled(x)}


def rms_norm_backward(rows, columns):
    x = random(rows, columns, grad=True)
    y = torch.compile(rms_norm)(x)
    dy = torch.randn_like(y)
    return {"torch.compile": lambda: torch.autograd.grad(y, x, dy, retain_graph=True)}


def loss_of(x, weight, targets, softcap=15.0):
    logits = F.linear(x, weight).float()
    return F.cross_entropy(softcap * torch.tanh(logits / softcap), targets)


def cross_entropy(rows, columns, vocabulary):
    x = random(rows, columns, grad=True)
    weight = (torch.randn(vocabulary, columns, device=DEVICE) * 0.02).to(BF16).requires_grad_(True)
    targets = torch.randint(0, vocabulary, (rows,), device=DEVICE)
    compiled = torch.compile(loss_of)

    def run():
        torch.autograd.grad(compiled(x, weight, targets), (x, weight))
    return {"torch.compile": run}


def adamw(count):
    p = torch.randn(count, device=DEVICE).requires_grad_(True)
    p.grad = torch.randn(count, device=DEVICE)
    optimizer = torch.optim.AdamW([p], fused=True)
    return {"torch fused AdamW": optimizer.step}


class Gpt(torch.nn.Module):
    """autoresearch's model from its description: depth 8, 512 channels, 4 heads of 128, windows SSSL, gated value embeddings."""

    def __init__(self, depth=8, dim=512, heads=4, sequence=2048, vocabulary=8192, gate_channels=32):
        super().__init__()
        self.depth, self.dim, self.heads, self.head_dim = depth, dim, heads, dim // heads
        self.sequence, self.gate_channels = sequence, gate_channels
        bound = math.sqrt(3 / dim)

        def uniform(*shape):
            return torch.nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))
        self.wte = torch.nn.Parameter(torch.randn(vocabulary, dim, dtype=BF16))
        self.head = torch.nn.Parameter(torch.randn(vocabulary, dim) * 0.001)
        self.residual, self.embedding = torch.nn.Parameter(torch.ones(depth)), torch.nn.Parameter(torch.full((depth,), 0.1))
        self.qkv = torch.nn.ParameterList(uniform(3 * dim, dim) for _ in range(depth))
        self.out = torch.nn.ParameterList(torch.nn.Parameter(torch.zeros(dim, dim)) for _ in range(depth))
        self.fc = torch.nn.ParameterList(uniform(4 * dim, dim) for _ in range(depth))
        self.proj = torch.nn.ParameterList(torch.nn.Parameter(torch.zeros(dim, 4 * dim)) for _ in range(depth))
        with_values = [i for i in range(depth) if i % 2 == (depth - 1) % 2]
        self.values = torch.nn.ParameterDict(
            {str(i): torch.nn.Parameter(uniform(vocabulary, dim).data.to(BF16)) for i in with_values})
        self.gates = torch.nn.ParameterDict({str(i): torch.nn.Parameter(torch.zeros(heads, gate_channels)) for i in with_values})
        frequencies = 10000.0 ** (-torch.arange(0, self.head_dim, 2).float() / self.head_dim)
        angles = torch.outer(torch.arange(sequence).float(), frequencies)
        self.register_buffer("cos", angles.cos()[None, :, None, :].to(BF16))
        self.register_buffer("sin", angles.sin()[None, :, None, :].to(BF16))
        distance = torch.arange(sequence)[:, None] - torch.arange(sequence)[None, :]
        self.register_buffer("short", (distance >= 0) & (distance <= sequence // 2))

    def is_long(self, layer):
        return layer == self.depth - 1 or "SSSL"[layer % 4] == "L"

    def attend(self, q, k, v, layer):
        if flash3 is not None:
            window = (-1, -1) if self.is_long(layer) else (self.sequence // 2, 0)
            y = flash3(q, k, v, causal=True, window_size=window)
            return y[0] if isinstance(y, tuple) else y
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        # Without FlashAttention-3 a window would need a mask, which no fast kernel takes: the whole row is the faster way here.
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)

    def rotate(self, x):
        half = self.head_dim // 2
        a, b = x[..., :half], x[..., half:]
        return torch.cat((a * self.cos + b * self.sin, b * self.cos - a * self.sin), -1)

    def forward(self, tokens, targets):
        batch, length = tokens.shape
        x = x0 = rms_norm(F.embedding(tokens, self.wte))
        for i in range(self.depth):
            x = self.residual[i] * x + self.embedding[i] * x0
            n = rms_norm(x)
            q, k, v = F.linear(n, self.qkv[i]).view(batch, length, 3, self.heads, self.head_dim).unbind(2)
            if str(i) in self.values:
                gate = 2 * torch.sigmoid(F.linear(n[..., :self.gate_channels], self.gates[str(i)]))
                v = v + gate.unsqueeze(-1) * F.embedding(tokens, self.values[str(i)]).view_as(v)
            q, k = rms_norm(self.rotate(q)), rms_norm(self.rotate(k))
            x = x + F.linear(self.attend(q, k, v.contiguous(), i).reshape(batch, length, self.dim), self.out[i])
            x = x + F.linear(F.relu(F.linear(rms_norm(x), self.fc[i])).square(), self.proj[i])
        logits = F.linear(rms_norm(x), self.head).float()
        return F.cross_entropy((15 * torch.tanh(logits / 15)).view(-1, logits.size(-1)), targets.view(-1))


@torch.compile(dynamic=False, fullgraph=True)
def muon(stacked, gradients, momentum, second, beta, rate, decay):
    momentum.lerp_(gradients, 1 - beta)
    x = gradients.lerp(momentum, beta).to(BF16)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-6)
    tall = x.size(-2) > x.size(-1)
    for a, b, c in POLAR_EXPRESS:
        gram = x.mT @ x if tall else x @ x.mT
        change = b * gram + c * (gram @ gram)
        x = a * x + (x @ change if tall else change @ x)
    dim = -1 if stacked.size(-2) >= stacked.size(-1) else -2
    mean = x.float().square().mean(dim=dim, keepdim=True)
    norm = x.float().norm(dim=(-2, -1), keepdim=True)
    second.lerp_(mean.to(second.dtype), 0.05)
    scaled = x * second.clamp_min(1e-10).rsqrt().to(x.dtype)
    x = scaled * (norm / scaled.float().norm(dim=(-2, -1), keepdim=True).clamp_min(1e-10)).to(x.dtype)
    mask = (x * stacked) >= 0
    stacked.sub_(rate * x + rate * decay * stacked * mask)


def step(batch, total):
    torch.set_float32_matmul_precision("high")
    model = Gpt().to(DEVICE)
    compiled = torch.compile(model, dynamic=False)
    matrices = {}
    for p in [*model.qkv, *model.out, *model.fc, *model.proj, *model.gates.values()]:
        for part in (p.data.chunk(3) if p.shape == (3 * model.dim, model.dim) else (p.data,)):
            matrices.setdefault(tuple(part.shape), []).append((p, part))
    states = {shape: (torch.zeros(len(items), *shape, device=DEVICE),
                      torch.zeros(len(items), *((shape[0], 1) if shape[0] >= shape[1] else (1, shape[1])), device=DEVICE))
              for shape, items in matrices.items()}
    adam = torch.optim.AdamW([
        {"params": [model.head], "lr": 0.004}, {"params": [model.wte, *model.values.values()], "lr": 0.6},
        {"params": [model.residual, model.embedding], "lr": 0.005}], betas=(0.8, 0.95), eps=1e-10, weight_decay=0.0, fused=True)
    micro = total // (batch * model.sequence)
    tokens = torch.randint(0, 8192, (micro, batch, model.sequence + 1), device=DEVICE)

    def one():
        for m in range(micro):
            with torch.autocast("cuda", BF16):
                loss = compiled(tokens[m, :, :-1].contiguous(), tokens[m, :, 1:].contiguous())
            (loss / micro).backward()
        adam.step()
        for shape, items in matrices.items():
            gradients = torch.stack([
                p.grad if p.shape == part.shape
                else p.grad[(part.data_ptr() - p.data_ptr()) // (4 * model.dim):][:shape[0]]
                for p, part in items])
            stacked = torch.stack([part for _, part in items])
            muon(stacked, gradients, *states[shape], 0.95, 0.04 * max(1, shape[0] / shape[1]) ** 0.5, 0.2)
            torch._foreach_copy_([part for _, part in items], list(stacked.unbind(0)))
        model.zero_grad(set_to_none=True)
        return loss

    for _ in range(3):
        one()
    torch.cuda.synchronize()

    def timed():
        start = time.perf_counter()
        for _ in range(STEPS):
            one()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / STEPS
    return {f"torch.compile, {'FlashAttention-3' if flash3 else 'SDPA without windows'}": timed}


CASES = {
    "copy": copy, "matmul": matmul, "rms_norm": rms_norm_forward, "rms_norm_backward": rms_norm_backward,
    "cross_entropy": cross_entropy, "adamw": adamw, "step": step,
    "attention_forward": lambda *s: attention(*s, backward=False), "attention_backward": lambda *s: attention(*s, backward=True),
}


def serve():
    name = torch.cuda.get_device_name()
    attention = "FlashAttention-3" if flash3 else "no FlashAttention-3"
    print(f"ready PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}, {attention}, {name}", flush=True)
    known, request = {}, None
    for line in sys.stdin:
        if line != request:
            known.clear()
            torch.cuda.empty_cache()
            request = line
        case, *sizes = line.split()
        try:
            if not known:
                known.update(CASES[case](*map(int, sizes)))
            answers = {name: run() if case == "step" else seconds(run) for name, run in known.items()}
            print("; ".join(f"{name}={value!r}" for name, value in answers.items()), flush=True)
        except Exception as e:  # one case that cannot be measured must not end the others
            print(f"error: {type(e).__name__} {' '.join(str(e).split())[:300]}".replace("=", " ").replace(";", ","), flush=True)


if __name__ == "__main__":
    if not torch.cuda.is_available():
        print("no CUDA device", flush=True)
        sys.exit(1)
    serve()
