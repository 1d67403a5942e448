"""A user's own torch module, named in the spec as `python:package.module:Class`.

The spec's folder is on the import path only while the module is imported, and what was imported from there is forgotten
afterwards. So two specs may both have a `net.py`, and an edited file counts at once.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from assay.errors import Mistake, SpecError
from assay.models import Inputs

CALL = "a class that is called with (n_numeric, levels, n_outputs, **options), and signal=... where there is one"

_TYPES = {"image": torch.uint8, "text": torch.int32, "series": torch.float32}


def source_of(name: str, root: Path | None) -> Path | None:
    """The file of `package.module:Class`: under `root`, or of an installed module; None when there is none."""
    module, _ = _parts(name)
    path = (root or Path.cwd()).joinpath(*module.split("."))
    own = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    if own:
        return own[0]
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(found.origin) if found is not None and found.has_location and found.origin else None


def build(name: str, options: dict[str, Any], inputs: Inputs, n_outputs: int, root: Path | None) -> nn.Module:
    """An instance of the class. Raises SpecError when it cannot be imported, built or called as a family is."""
    if inputs.signal is not None:
        options = {**options, "signal": inputs.signal}
    cls = check(name, options, root or Path.cwd())
    with _blaming(name, "its constructor raised", CALL):
        network = cls(inputs.n_numeric, inputs.levels, n_outputs, **options)
    _try_out(name, network, inputs, n_outputs)
    return network


def check(name: str, options: dict[str, Any], root: Path) -> type[nn.Module]:
    """The class. Raises SpecError when it cannot be imported, or does not take what a family is given."""
    cls = _load(name, root)
    try:
        inspect.signature(cls).bind(0, (), 2, **options)
    except TypeError as error:
        raise _wrong(name, f"{cls.__name__} refuses this call ({error})", CALL) from None
    return cls


def _try_out(name: str, network: nn.Module, inputs: Inputs, n_outputs: int) -> None:
    """Two rows of zeros must come out as [2, O] or [2, K, O], whatever that draws from torch's generator."""
    numeric_BF = torch.zeros(2, inputs.n_numeric)
    codes_BC = torch.zeros(2, len(inputs.levels), dtype=torch.int32)
    signal = [] if inputs.signal is None else [torch.zeros(2, *inputs.signal.shape, dtype=_TYPES[inputs.signal.kind])]
    third = "" if inputs.signal is None else f", {inputs.signal.kind}"
    allowed = f"forward(numeric_BF float32, codes_BC int{third}) -> [B, {n_outputs}] or [B, K, {n_outputs}]"
    with _blaming(name, "its forward raised", allowed), torch.no_grad(), torch.random.fork_rng(devices=[]):
        out = network.eval()(numeric_BF, codes_BC, *signal)
    network.train()
    shape = tuple(out.shape) if isinstance(out, torch.Tensor) else None
    if shape is None or len(shape) not in (2, 3) or shape[0] != 2 or shape[-1] != n_outputs:
        found = f"shape {list(shape)} for 2 rows" if shape is not None else type(out).__name__
        raise _wrong(name, f"forward returns {found}", allowed)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise _wrong(name, "it has no parameter that is trained", "a network with parameters")


def _load(name: str, root: Path) -> type[nn.Module]:
    module_name, class_name = _parts(name)
    if source_of(name, root) is None:
        found = f"there is no module {module_name!r}"
        raise _wrong(name, found, f"{module_name.replace('.', '/')}.py in {root}, or an installed module")
    with _blaming(name, "importing it raised", "a module that can be imported"), _importable(root):
        module = importlib.import_module(module_name)
    cls = getattr(module, class_name, None)
    if inspect.isclass(cls) and issubclass(cls, nn.Module):
        return cls
    what = "is not in the module" if cls is None else "does not derive from torch.nn.Module"
    raise _wrong(name, f"{class_name!r} {what}", ", ".join(_networks(module)) or "a class that does")


def _networks(module: ModuleType) -> list[str]:
    return [
        key
        for key, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    ]


@contextlib.contextmanager
def _importable(root: Path) -> Iterator[None]:
    """Modules of `root` can be imported inside the block; after it neither path nor modules stay."""
    root = root.resolve()
    before = set(sys.modules)
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(root))
        for name in set(sys.modules) - before:
            if _lies_in(root, name, getattr(sys.modules[name], "__file__", None)):
                del sys.modules[name]


def _lies_in(root: Path, name: str, file: str | None) -> bool:
    """True for `root/TOP.py` and what lies in `root/TOP/`; not for a virtual environment somewhere below `root`."""
    top = root / name.partition(".")[0]
    return file is not None and (Path(file) == top.with_suffix(".py") or top in Path(file).parents)


@contextlib.contextmanager
def _blaming(name: str, what: str, allowed: str) -> Iterator[None]:
    """An error of the user's code becomes a SpecError that names it; the cause stays attached for `--debug`."""
    try:
        yield
    except Exception as error:
        raise _wrong(name, f"{what} {type(error).__name__}: {error}", allowed) from error


def _parts(name: str) -> tuple[str, str]:
    module, colon, cls = name.partition(":")
    if not (colon and cls.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise _wrong(name, f"'python:{name}'", "python:package.module:Class")
    return module, cls


def _wrong(name: str, found: str, allowed: str) -> SpecError:
    return SpecError.of([Mistake(where=f"model.family python:{name}", found=found, allowed=allowed)])
