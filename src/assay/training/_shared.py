"""Sums over the ranks of one machine, through memory that they share.

Gloo sends gradients through sockets and threads of its own: between two ranks on two cores its exchange takes longer
than the update of a small network. Here each rank copies its numbers into shared memory, tells the others with one byte
through a Unix socket, waits for theirs and adds up. All add in the same order, so all hold the same bits. Waiting is
asleep in the kernel, and a rank that has died closes its sockets: the others know at once. The system calls order the
writes to memory, on every processor.

R ranks, G numbers.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from pathlib import Path
from typing import Self

import torch
import torch.distributed as dist
from torch import Tensor

from assay.training._place import Place

MEMORY = Path("/dev/shm")
TIMEOUT_S = 1800.0  # that of torch's own exchanges


class SharedSum:
    """Sums of `n_numbers` float32 numbers. `buffers_2RG` are two, so that a rank may begin the next sum while a slower
    one still reads this one; to begin the one after that it needs the slower one's byte.
    """

    def __init__(self, buffers_2RG: Tensor, rank: int, peers: list[socket.socket]) -> None:
        self._buffers_2RG, self._rank, self._peers = buffers_2RG, rank, peers
        self._n_sums = 0

    @classmethod
    def open(cls, place: Place, n_numbers: int) -> Self | None:
        """Shared by all ranks; None on all of them where they do not share a machine, or it has not the memory."""
        n_bytes = 4 * 2 * place.world_size * n_numbers
        drawn = secrets.randbits(52)  # as many as survive as a float
        possible = not place.first or _made(_folder(drawn), n_bytes)
        folder = _folder(int(place.agree([float(drawn)])[0]))
        try:
            # Only those who see the memory of the first rank find a folder with such a name.
            if place.any(not possible or not (folder / "numbers").exists()):
                return None
            peers = _connected(folder, place)
            flat = torch.from_file(str(folder / "numbers"), shared=True, size=n_bytes // 4)
            place.any(False)  # a barrier
        finally:
            if place.first:
                shutil.rmtree(folder, ignore_errors=True)  # what is open stays, and goes with the last of us
        return cls(flat.view(2, place.world_size, n_numbers), place.rank, peers)

    def __call__(self, numbers_G: Tensor) -> None:
        """Sum over ranks, in place. Raises DistNetworkError when a rank has gone away."""
        buffer_RG = self._buffers_2RG[self._n_sums % 2]
        self._n_sums += 1
        buffer_RG[self._rank].copy_(numbers_G)
        try:
            for peer in self._peers:
                peer.send(b".")
            gone = not all(peer.recv(1) for peer in self._peers)
        except OSError as error:
            raise dist.DistNetworkError(f"another rank went away: {error}") from error
        if gone:
            raise dist.DistNetworkError("another rank went away")
        torch.sum(buffer_RG, dim=0, out=numbers_G)


def _folder(number: int) -> Path:
    return MEMORY / f"assay-{number:013x}"


def _made(folder: Path, n_bytes: int) -> bool:
    """True when the folder and the memory could be had."""
    try:
        folder.mkdir(mode=0o700)
        with open(folder / "numbers", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, n_bytes)  # a file that grew later could find the memory full: SIGBUS
    except OSError:
        return False
    return True


def _connected(folder: Path, place: Place) -> list[socket.socket]:
    """A socket to each other rank."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / str(place.rank)))
        listener.listen(place.world_size)
        listener.settimeout(TIMEOUT_S)
        place.any(False)  # all listen
        peers = [socket.socket(socket.AF_UNIX) for _ in range(place.rank)]
        for rank, peer in enumerate(peers):
            peer.connect(str(folder / str(rank)))
        peers += [listener.accept()[0] for _ in range(place.world_size - 1 - place.rank)]
    for peer in peers:
        peer.settimeout(TIMEOUT_S)
    return peers
