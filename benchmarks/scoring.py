"""How fast strategies score and pick, against literal forms of the same maths; and how AccuACL's cost grows with N.

The literal forms are written here: every sample's Fisher embedding built whole, every distance worked out
at every pick, all in float32 and vectorised.

python benchmarks/scoring.py  → Markdown on stdout. One thread; processor seconds, so that other programs count little.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from acl.seeds import key, uniforms
from acl.selection.query import QueryContext, Samples, Selection
from acl.strategies.accuacl import AccuACL
from acl.strategies.badge import Badge
from acl.strategies.kcenter import KCenter

REPEATS = 5
N, LABELLED, MEMORY, SCALE = 100, 500, 200, 4.0
SHAPES = ((10_000, 10, 512), (5_000, 100, 512), (3_000, 200, 512))
CURVE = (10_000, 30_000, 100_000, 300_000, 1_000_000)
CURVE_DIM = 128


def context(pool: int, n_classes: int, dim: int) -> QueryContext:
    """Features after a ReLU, probabilities mostly sure."""
    draw = torch.Generator().manual_seed(n_classes)

    def samples(size: int, first: int) -> Samples:
        h = torch.randn(size, dim, generator=draw).add_(0.3).relu_()
        p = torch.softmax(SCALE * torch.randn(size, n_classes, generator=draw), 1)
        return Samples(torch.arange(first, first + size), h, p)

    roles = (samples(pool, 0), samples(LABELLED, pool), samples(MEMORY, 2 * pool))
    return QueryContext(*roles, tuple(range(n_classes)), N, 0.5, 1, 1, 0, n_classes)


# -- the same maths, written out ---------------------------------------------------------------------------


def embedding(samples: Samples) -> Tensor:
    """f(x), all C·d entries of every sample."""
    return (samples.p * (1 - samples.p))[:, :, None] * samples.h.square()[:, None, :]


def literal_accuacl(asked: QueryContext) -> list[int]:
    """Sample by sample in groups that fit in memory: embeddings whole, then the kept entries."""
    groups = [asked.pool.take(rows) for rows in torch.arange(len(asked.pool)).split(500)]
    new = torch.stack([embedding(group).sum(0) for group in groups]).sum(0) / len(asked.pool)
    total = asked.lambda_ * embedding(asked.memory).mean(0) + (1 - asked.lambda_) * new
    n_classes, dim = total.shape
    columns = torch.topk(total, 5 * asked.n_classes // n_classes, dim=1).indices
    kept = (columns + dim * torch.arange(n_classes)[:, None]).reshape(-1)
    wanted = total.reshape(-1)[kept]
    f = torch.cat([embedding(group).reshape(len(group), -1)[:, kept] for group in groups])
    p, q = torch.softmax(f / wanted.mean(), 1), torch.softmax(wanted / wanted.mean(), 0)
    m = (p + q) / 2
    js = ((torch.xlogy(p, p / m) + torch.xlogy(q, q / m)).sum(1) / 2).clamp_min(0).sqrt()
    candidates = torch.exp(-js / js.mean()).argsort(descending=True)[: 2 * asked.n]
    picked = candidates[f[candidates].norm(dim=1).argsort(descending=True)[: asked.n]]
    return asked.pool.ids[picked].tolist()


def literal_kcenter(asked: QueryContext) -> list[int]:
    pool = asked.pool.h

    def distance(centres: Tensor) -> Tensor:
        squared = pool.square().sum(1)[:, None] + centres.square().sum(1) - 2 * pool @ centres.T
        return squared.clamp_min(0).sqrt()

    nearest, picked = distance(asked.labelled.h).amin(1), []
    for _ in range(asked.n):
        picked.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, distance(pool[picked[-1:]])[:, 0])
    return asked.pool.ids[picked].tolist()


def literal_badge(asked: QueryContext) -> list[int]:
    """Distances from the factors, as the published code works them out for large networks."""
    p, h, ids = asked.pool.p, asked.pool.h, asked.pool.ids
    r = p - torch.nn.functional.one_hot(p.argmax(1), p.shape[1])
    norm2 = r.square().sum(1) * h.square().sum(1)
    picked, nearest = [int(norm2.argmax())], torch.full_like(norm2, torch.inf)
    while len(picked) < asked.n:
        y = picked[-1]
        inner = (r * r[y]).sum(1) * (h * h[y]).sum(1)
        nearest = torch.minimum(nearest, (norm2 + norm2[y] - 2 * inner).clamp_min(0))
        nearest[picked] = 0
        draw = uniforms(key(asked.seed, "badge", asked.task, asked.round, len(picked)), ids.numpy())
        picked.append(int((nearest.double() / -torch.from_numpy(draw).log()).argmax()))
    return ids[picked].tolist()


# -- measuring ---------------------------------------------------------------------------------------------


def seconds(what: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        what()
        times.append(time.process_time() - start)
    return times


def peak_mb() -> float:
    """The most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def extra_memory(shape: tuple[int, ...]) -> float:
    """MB that one AccuACL query takes beside its context; Linux, and malloc must give back what is freed (see main)."""
    AccuACL().select(context(3_000, *shape[1:]))  # what libraries take at a first call
    asked = context(*shape)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[1]) * resource.getpagesize() / 1e6
    # Making the context took more than it holds: fill that, so that every further MB shows.
    held = torch.ones(int(max(peak_mb() - now, 0) * 1e6) // 4)
    before = peak_mb()
    AccuACL().select(asked)
    del held
    return peak_mb() - before


def row(name: str, shape: tuple[int, ...], ours: Callable[[], Selection], literal: Callable[[], list[int]]) -> str:
    ids, expected = ours().ids.tolist(), literal()
    same = len(set(ids) & set(expected))
    fast, slow = seconds(ours), seconds(literal, 3)
    ratio = statistics.median(slow) / statistics.median(fast)
    size = " · ".join(f"{side:,}" for side in shape)
    return (
        f"| {name} | {size} | {1000 * statistics.median(fast):.1f} ({1000 * min(fast):.1f} to {1000 * max(fast):.1f}) "
        f"| {statistics.median(slow):.2f} ({min(slow):.2f} to {max(slow):.2f}) | {ratio:.1f} | {same} of {len(ids)} |"
    )


def in_its_own_process(what: str, *shape: int) -> str:
    arguments = [sys.executable, __file__, what, *map(str, shape)]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"} if what == "memory" else None
    return subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def main() -> None:
    print(f"torch {torch.__version__}, numpy {np.__version__}, Python {platform.python_version()}.\n")
    print("| strategy | N · C · d | milliseconds | literal, seconds | times faster | same picks |")
    print("|---|---|---|---|---|---|")
    for shape in SHAPES:
        asked = context(*shape)
        for name, ours, literal in (
            ("AccuACL", AccuACL(), literal_accuacl),
            ("k-center", KCenter(), literal_kcenter),
            ("BADGE", Badge(), literal_badge),
        ):
            print(row(name, shape, lambda: ours.select(asked), lambda: literal(asked)), flush=True)  # noqa: B023
    print("\n| AccuACL, N · C · d | milliseconds | µs a sample | extra memory, MB |\n|---|---|---|---|")
    for shape in (*SHAPES, *((size, 10, CURVE_DIM) for size in CURVE)):
        size = " · ".join(f"{side:,}" for side in shape)
        print(f"| {size} | {in_its_own_process('time', *shape)} | {in_its_own_process('memory', *shape)} |", flush=True)


def times(shape: tuple[int, ...]) -> str:
    asked = context(*shape)
    taken = seconds(lambda: AccuACL().select(asked))
    middle = statistics.median(taken)
    return f"{1e3 * middle:.1f} ({1e3 * min(taken):.1f} to {1e3 * max(taken):.1f}) | {1e6 * middle / shape[0]:.2f}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 1:
        main()
    else:
        asked_shape = tuple(map(int, sys.argv[2:]))
        print(times(asked_shape) if sys.argv[1] == "time" else f"{extra_memory(asked_shape):.0f}")
