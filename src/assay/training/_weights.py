"""Weights from elsewhere, read without running anything that stands in them, and kept as safetensors.

Safetensors hold numbers alone. A state dict of torch is read by torch's restricted reader, which knows tensors and
nothing that could be called. A pickle of any other kind is refused by its first bytes, before it is opened.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from assay.artifacts import Blob
from assay.errors import Mistake, SpecError
from assay.spec import plugins
from assay.spec.transfer import PACKAGE
from assay.store import Store

WHERE = "training.pretrained.weights"
ALLOWED = "a .safetensors file, or a state dict that `torch.save(network.state_dict(), file)` wrote"
PICKLE = b"\x80"
# How torch began its files before 1.6: the pickled number 0x1950a86a20f9469cfc6c.
OLD_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
NESTED = ("state_dict", "model", "weights")  # under which people keep a state dict in a checkpoint


def stored(path: Path, family: str, weights: str, store: Store) -> Blob:
    """The weights in the file at `path`, under the names of `family`, in the store."""
    tensors = read(path)
    if weights == PACKAGE:
        tensors = plugins.load("model", family).adapted(tensors)
    return store.put(save({name: value.contiguous().clone() for name, value in tensors.items()}), "start.safetensors")


def read(path: Path) -> dict[str, Tensor]:
    """The tensors in a file. Raises SpecError for one that is damaged, or that is no file of weights."""
    try:
        found: dict[str, Tensor] = load_file(path) if path.suffix == ".safetensors" else _state_dict(path)
    except SpecError:
        raise
    except Exception as error:  # whatever a damaged file makes its reader raise
        if type(error).__name__ == "UnpicklingError":
            told = "it holds more than tensors, and reading it could run code, so it was not read"
        else:
            told = f"it cannot be read ({str(error)[:120].splitlines()[0] if str(error) else 'it ends'})"
        raise _wrong(path, told) from None
    return found


def _state_dict(path: Path) -> dict[str, Tensor]:
    with open(path, "rb") as file:
        start = file.read(len(OLD_TORCH))
    if start.startswith(PICKLE) and start != OLD_TORCH:
        raise _wrong(path, "it is a pickle, which can run code when it is opened, so it was not")
    if start != OLD_TORCH and not zipfile.is_zipfile(path):
        raise _wrong(path, "it is no file that torch wrote, or it is cut short")
    found = torch.load(path, map_location="cpu", weights_only=True)
    for key in NESTED:
        found = found[key] if isinstance(found, dict) and isinstance(found.get(key), dict) else found
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise _wrong(path, "it holds no names with tensors")
    return {str(name): value for name, value in found.items()}


def _wrong(path: Path, found: str) -> SpecError:
    return SpecError.of([Mistake(where=WHERE, found=f"{path.name}: {found}", allowed=ALLOWED)])
