"""Why a training failed, in a sentence: the cause, once, whoever many ranks met it."""

from __future__ import annotations

from assay.errors import AssayError

WIDTH = 400


def summary(error: BaseException) -> str:
    """The error as a person wants to read it: its own words if it is ours, else its type and its first lines."""
    if isinstance(error, AssayError):
        return str(error)
    text = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
    return f"{type(error).__name__}: {text}"[:WIDTH] if text else type(error).__name__


def grouped(messages: dict[int, str]) -> str:
    """The messages of ranks, equal ones once."""
    ranks: dict[str, list[int]] = {}
    for rank, message in sorted(messages.items()):
        ranks.setdefault(message, []).append(rank)
    if len(ranks) == 1:
        return next(iter(ranks))
    return "; ".join(f"rank {', '.join(map(str, which))}: {message}" for message, which in ranks.items())


def is_lost_peer(error: Exception) -> bool:
    """True when a rank failed only because another went away: gloo and NCCL say so in their own ways."""
    import torch.distributed as dist

    return isinstance(error, dist.DistError) or "gloo" in str(error).lower()
