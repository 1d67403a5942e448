"""Model families: one file each, found by its name.

A family is a module with `Config` (its options) and `build(config, inputs, n_outputs)`, which returns a torch module
whose `forward(numeric_BF, codes_BC)` gives one row of outputs per row, [B, O], or one per member of an ensemble, [B, K,
O]. `TAKES = ("image", "text")` says that it is for images and texts: its `forward` gets them as a third argument, with
the columns of the table that stand beside them in the first two; `PACKAGE` names a package and the file in it that
brings weights, and `adapted` gives them the family's names. Without `TAKES` it is for tables. It sees no data but
the bins of its numeric embeddings, draws its first weights from torch's global generator, and keeps no state outside of
its parameters and buffers. So whoever trains needs to know no family, and whoever adds a family nothing about training.
A family that needs no torch says `TORCH_FREE = True` and has `fit` and `score` in place of `build`.

B rows, F numeric features, C categorical features, Q knots, K ensemble members, O outputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.artifacts import Preprocessing, Signal, Task
from assay.errors import Mistake
from assay.spec import plugins
from assay.store import Store

if TYPE_CHECKING:
    import numpy as np
    import torch

USER = "python:"
MAX_ROWS = 1024  # of a pass without gradients
MAX_PLACES = 2**20  # pixels or steps of all rows of such a pass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inputs:
    """What a model is told about the arrays that it will see.

    `levels` counts the codes of each categorical feature and `encode` says how each enters (`onehot`, `embedding`).
    `knots` is float32 [F, Q]: evenly spaced quantiles of each numeric feature over the training rows. `signal`
    describes the image, text or series, where there is one.
    """

    n_numeric: int
    levels: tuple[int, ...] = ()
    encode: tuple[str, ...] = ()
    knots: np.ndarray[Any, Any] | None = None
    signal: Signal | None = None

    @classmethod
    def of(cls, prepared: Preprocessing, *, store: Store) -> Inputs:
        """The inputs of every model that is trained behind `prepared`."""
        return cls(
            n_numeric=len(prepared.numeric),
            levels=tuple(feature.n_levels for feature in prepared.categorical),
            encode=tuple(feature.encode for feature in prepared.categorical),
            knots=store.array(prepared.knots),
            signal=prepared.signal,
        )


def check(family: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of `family` with every default filled in, as JSON data.

    Those of a user's own module pass as they are: its constructor checks them. Raises SpecError with all mistakes.
    """
    if family.startswith(USER):
        return options
    data: dict[str, Any] = plugins.checked("model", family, options, where="model").model_dump(mode="json")
    return data


def check_user(family: str, options: dict[str, Any], root: Path) -> None:
    """Raise SpecError for a user's own family that cannot be imported, or is not called as a family is.

    Imports torch, and the user's module.
    """
    from assay.models import _user

    _user.check(family.removeprefix(USER), options, root)


def check_takes(family: str, signal: Signal | None) -> list[Mistake]:
    """The mistake of a family that is not for such inputs; none where it is. A user's own takes what it is given."""
    return [] if family.startswith(USER) else plugins.check_takes(family, signal.kind if signal else "table")


def is_torch(family: str) -> bool:
    """True when `build` makes a torch module of this family; False when `fit` and `score` are its way."""
    return family.startswith(USER) or not getattr(plugins.load("model", family), "TORCH_FREE", False)


def mixes_levels(family: str) -> bool:
    """True when its networks also take weights of levels in place of codes, float [B, L], L levels of all features.

    All families of assay's own do; what others have written is given codes alone.
    """
    path = None if family.startswith(USER) else plugins.source_file("model", family)
    return path is not None and path.parent == Path(__file__).parent


def source_of(family: str, root: Path | None = None) -> Path | None:
    """The file that holds the family, for the digest of its code; None when there is no such file."""
    if not family.startswith(USER):
        return plugins.source_file("model", family)
    from assay.models import _user

    return _user.source_of(family.removeprefix(USER), root)


def build(
    family: str, options: dict[str, Any], inputs: Inputs, n_outputs: int, root: Path | None = None
) -> torch.nn.Module:
    """A new network of `family`, its weights drawn from torch's global generator.

    `root` is the folder from which the modules of a user's own family are imported. Raises SpecError for options that
    the family does not take, and for a user's class that cannot be imported or has the wrong shape.
    """
    if family.startswith(USER):
        from assay.models import _user

        return _user.build(family.removeprefix(USER), options, inputs, n_outputs, root)
    config = plugins.checked("model", family, options, where="model")
    module: torch.nn.Module = plugins.load("model", family).build(config, inputs, n_outputs)
    return module


def has_backbone(network: torch.nn.Module) -> bool:
    """True for a network for images, texts or series, which has `features` and, apart from them, an `output`."""
    from assay.models._beside import SignalNetwork

    return isinstance(network, SignalNetwork)


def features(network: torch.nn.Module, signal: torch.Tensor) -> torch.Tensor:
    """What the backbone of `network` makes of images, texts or series, [B, W]."""
    from assay.models._beside import SignalNetwork

    assert isinstance(network, SignalNetwork), "`has_backbone` says so"
    return network.features(signal)


def head(network: torch.nn.Module) -> torch.nn.Module:
    """The last layer of a network with a backbone, called with its features in place of the signal."""
    from assay.models._beside import Head, SignalNetwork

    assert isinstance(network, SignalNetwork), "`has_backbone` says so"
    return Head(network)


def rows_of_a_pass(signal: Signal | None) -> int:
    """How many rows a network should see at a time when it learns nothing: fewer, the more pixels or steps each has."""
    if signal is None:
        return MAX_ROWS
    n_places = math.prod(signal.shape[1:] if signal.kind == "image" else signal.shape[:1])
    return max(1, min(MAX_ROWS, MAX_PLACES // n_places))


def scores(out: torch.Tensor) -> torch.Tensor:
    """One row of logits (or one number) per row, [B, O], from what a network returned: [B, O] or [B, K, O].

    The members of an ensemble are averaged: their probabilities where there are classes (the result is the log of the
    mean), the numbers themselves where there is one output.
    """
    from assay.models import _ensemble

    return _ensemble.scores(out)


def members(out: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`out` and `target` with one row per row and ensemble member, for a loss that is a mean over rows.

    So each member is trained on its own loss, not the ensemble on one of the mean (Gorishniy et al. 2024, section 3).
    """
    from assay.models import _ensemble

    return _ensemble.members(out, target)


def export(network: torch.nn.Module, inputs: Inputs, path: Path, properties: Mapping[str, str]) -> float:
    """Write `network` as an ONNX graph for any number of rows, with `properties` as its metadata.

    It takes `numeric` (float32 [B, F]), `codes` (int32 [B, C]) and, where there is one, `signal`, and gives `scores`
    (float32 [B, O]): see `scores`. Returns the largest difference between its scores and torch's on made-up rows.
    Leaves the network on the CPU, in evaluation mode. Raises AssayError when torch cannot export such a network, or the
    difference is above 1e-4; then nothing is written.
    """
    from assay.models import _onnx

    return _onnx.export(network, inputs, path, properties)


def fit(
    family: str,
    options: dict[str, Any],
    numeric: np.ndarray[Any, Any],
    codes: np.ndarray[Any, Any],
    target: np.ndarray[Any, Any],
    task: Task,
    n_outputs: int,
) -> dict[str, np.ndarray[Any, Any]]:
    """The weights of a family without torch, fitted on train rows."""
    config = plugins.checked("model", family, options, where="model")
    weights: dict[str, np.ndarray[Any, Any]] = plugins.load("model", family).fit(
        config, numeric, codes, target, task, n_outputs
    )
    return weights


def score(
    family: str,
    options: dict[str, Any],
    weights: dict[str, np.ndarray[Any, Any]],
    numeric: np.ndarray[Any, Any],
    codes: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    """Logits (or numbers) float32 [B, O] from the weights of a family without torch."""
    config = plugins.checked("model", family, options, where="model")
    logits: np.ndarray[Any, Any] = plugins.load("model", family).score(config, weights, numeric, codes)
    return logits
