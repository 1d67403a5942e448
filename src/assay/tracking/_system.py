"""What the machine is doing, from psutil."""

from __future__ import annotations

from collections.abc import Callable

import psutil

MB = 1e6


def sampler() -> Callable[[], dict[str, float]]:
    """A function that samples the machine, and this process with its children. Rates are since the call before."""
    process = psutil.Process()
    psutil.cpu_percent()
    process.cpu_percent()

    def sample() -> dict[str, float]:
        memory = psutil.virtual_memory()
        return {
            "cpu_percent": psutil.cpu_percent(),
            "memory_percent": memory.percent,
            "memory_used_mb": memory.used / MB,
            "process_cpu_percent": process.cpu_percent(),
            "process_rss_mb": sum(map(_rss_bytes, [process, *process.children(recursive=True)])) / MB,
        }

    return sample


def _rss_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:  # it ended between being listed and being asked
        return 0
