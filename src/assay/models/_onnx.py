"""A network as an ONNX graph, for runtimes without torch.

An exporter that gets something wrong says nothing, so ONNX Runtime scores rows with the graph beside torch, in batches
of other sizes than the exporter saw, before anything is written.

B rows, F numeric features, C categorical features, O outputs.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from assay import models
from assay.artifacts import Signal
from assay.errors import AssayError
from assay.models import Inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("numeric", "codes", "signal")
EXAMPLE_ROWS, TRIED_ROWS = 3, (1, 7)
TOLERANCE = 1e-4


class Scored(nn.Module):
    """A network, and behind it what makes one row of scores of what it returns."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *arrays: Tensor) -> Tensor:
        """(numeric_BF, codes_BC) or (numeric_BF, codes_BC, signal) -> scores_BO."""
        return models.scores(self.network(*arrays))


def export(network: nn.Module, inputs: Inputs, path: Path, properties: Mapping[str, str]) -> float:
    """See `assay.models.export`."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter asks for it late, and tells it at length
    except ImportError as error:
        raise AssayError(f"{error.name} is not installed. Write: pip install 'assay[onnx]'") from None
    scored = Scored(network).cpu().eval()
    graph = _graph(scored, inputs, properties)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    difference = max(_difference(scored, session, rows(inputs, n_rows)) for n_rows in TRIED_ROWS)
    if not difference <= TOLERANCE:
        raise AssayError(
            f"The ONNX graph of {_name(network)} scores rows otherwise than torch, by up to {difference:.2g}. Allowed: "
            f"{TOLERANCE:g}. Nothing was written."
        )
    try:
        path.write_bytes(graph)
    except OSError as error:
        raise AssayError(f"{path}: {error.strerror}. Allowed: a file in a folder that is there.") from None
    return difference


def _graph(scored: Scored, inputs: Inputs, properties: Mapping[str, str]) -> bytes:
    example = tuple(map(torch.from_numpy, rows(inputs, EXAMPLE_ROWS)))
    any_number = torch.export.Dim("rows")
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the exporter has to say of its own ways
            program = torch.onnx.export(
                scored, example, dynamo=True, verbose=False, input_names=NAMES[: len(example)],
                output_names=["scores"], dynamic_shapes=(tuple({0: any_number} for _ in example),),
            )  # fmt: skip
    except torch.onnx.OnnxExporterError as error:
        cause = str(error.__cause__ or error).strip().splitlines()[0]
        raise AssayError(f"torch cannot export {_name(scored.network)} to ONNX. It says: {cause}") from None
    finally:
        quiet.setLevel(level)
    assert program is not None, "asked for with `dynamo`"
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # the lines of Python that it came from, with the paths of this machine
    program.model.metadata_props.update(properties)
    graph: bytes = program.model_proto.SerializeToString()
    return graph


def _difference(scored: Scored, session: object, arrays: tuple[NDArray[np.generic], ...]) -> float:
    """The largest difference between the scores of ONNX Runtime and of torch; of scores above 1 relative to them."""
    feed = dict(zip(NAMES, arrays, strict=False))
    with torch.inference_mode():
        expected_BO = scored(*map(torch.from_numpy, arrays)).numpy()
    found_BO = session.run(None, feed)[0]  # type: ignore[attr-defined]
    return float((np.abs(found_BO - expected_BO) / np.maximum(np.abs(expected_BO), 1)).max())


def rows(inputs: Inputs, n_rows: int) -> tuple[NDArray[np.generic], ...]:
    """Made-up rows as a network takes them; the texts and series among them are of any length."""
    draw = np.random.default_rng(n_rows)
    numeric_BF = draw.normal(size=(n_rows, inputs.n_numeric)).astype(np.float32)
    codes_BC = draw.integers(0, inputs.levels, size=(n_rows, len(inputs.levels)), dtype=np.int32)
    table = numeric_BF, codes_BC
    return table if inputs.signal is None else (*table, _signal(inputs.signal, n_rows, draw))


def _signal(signal: Signal, n_rows: int, draw: np.random.Generator) -> NDArray[np.generic]:
    shape = (n_rows, *signal.shape)
    if signal.kind == "image":
        return draw.integers(0, 256, shape, dtype=np.uint8)
    over_BL = np.arange(signal.shape[0]) > draw.integers(0, signal.shape[0], (n_rows, 1))
    if signal.kind == "text":
        return np.where(over_BL, np.int32(0), draw.integers(1, signal.n_tokens, shape, dtype=np.int32))
    return np.where(over_BL[:, :, None], np.float32(np.nan), draw.normal(size=shape).astype(np.float32))


def _name(network: nn.Module) -> str:
    return type(network).__name__
