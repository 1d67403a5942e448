"""What every model family must hold. A new file in `assay/models` is tested here without a line more."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from assay import models
from assay.artifacts import Signal
from assay.errors import SpecError
from assay.models import Inputs
from assay.spec import plugins

FAMILIES = plugins.names("model")
TORCH = [family for family in FAMILIES if models.is_torch(family)]
EMBEDDINGS = ("none", "linear", "piecewise_linear", "periodic")
LEVELS = (5, 3, 7)
SMALL = {
    "bert": {"size": "tiny"},
    "efficientnet": {"size": "tiny"},
}  # families whose default size takes long to learn by heart
SIGNALS = {
    "image": Signal(kind="image", column="x", shape=(1, 12, 12), mean=(0.5,), std=(0.3,)),
    "text": Signal(kind="text", column="x", shape=(16,), n_tokens=40),
    "series": Signal(kind="series", column="x", shape=(16, 3)),
}


def taken(family: str) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(plugins.load("model", family), "TAKES", ("table",))
    return found


CASES = [(family, kind) for family in TORCH for kind in taken(family)]  # every family with every kind of input


def knots(n_numeric: int) -> np.ndarray[Any, Any]:
    quantiles = np.linspace(-2, 2, 65, dtype=np.float32)
    return np.tile(quantiles, (n_numeric, 1))


def inputs(kind: str = "table", n_numeric: int = 4, levels: tuple[int, ...] = LEVELS) -> Inputs:
    encode = tuple("embedding" if index == 1 else "onehot" for index in range(len(levels)))
    return Inputs(n_numeric=n_numeric, levels=levels, encode=encode, knots=knots(n_numeric), signal=SIGNALS.get(kind))


def batch(n_rows: int, told: Inputs, seed: int = 0) -> tuple[Tensor, ...]:
    draw = np.random.default_rng(seed)
    numeric = draw.normal(size=(n_rows, told.n_numeric)).astype(np.float32)
    codes = draw.integers(0, told.levels, size=(n_rows, len(told.levels))).astype(np.int16)
    table = torch.from_numpy(numeric), torch.from_numpy(codes)
    return table if told.signal is None else (*table, torch.from_numpy(drawn(told.signal, n_rows, draw)))


def drawn(signal: Signal, n_rows: int, draw: np.random.Generator) -> np.ndarray[Any, Any]:
    """Rows of a signal; texts and series of every length from one step to the whole."""
    shape = (n_rows, *signal.shape)
    if signal.kind == "image":
        return draw.integers(0, 256, shape, dtype=np.uint8)
    over = np.arange(signal.shape[0]) > draw.integers(0, signal.shape[0], (n_rows, 1))
    if signal.kind == "text":
        tokens = draw.integers(1, signal.n_tokens, shape, dtype=np.int32)
        return np.where(over, np.int32(0), tokens)
    return np.where(over[:, :, None], np.float32(np.nan), draw.normal(size=shape).astype(np.float32))


def build(family: str, told: Inputs, n_outputs: int = 3, seed: int = 0, **options: Any) -> nn.Module:
    torch.manual_seed(seed)
    return models.build(family, SMALL.get(family, {}) | options, told, n_outputs)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize(("family", "kind"), CASES)
def test_a_row_gives_one_row_of_float32_scores(family: str, kind: str, n_outputs: int) -> None:
    told = inputs(kind)
    out = build(family, told, n_outputs)(*batch(6, told))
    assert out.ndim in (2, 3)
    scores = models.scores(out)
    assert scores.shape == (6, n_outputs)
    assert scores.dtype == torch.float32
    assert scores.isfinite().all()


@pytest.mark.parametrize(("n_numeric", "levels"), [(0, LEVELS), (3, ()), (1, (2,))], ids=["no F", "no C", "few"])
@pytest.mark.parametrize("n_rows", [0, 1, 2])
@pytest.mark.parametrize(("family", "kind"), CASES)
def test_any_number_of_rows_and_features_will_do(
    family: str, kind: str, n_rows: int, n_numeric: int, levels: tuple[int, ...]
) -> None:
    told = inputs(kind, n_numeric, levels)
    model = build(family, told)
    for mode in (True, False):
        scores = models.scores(model.train(mode)(*batch(n_rows, told)))
        assert scores.shape == (n_rows, 3)
        assert scores.isfinite().all()


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize(("family", "kind"), CASES)
def test_every_parameter_gets_a_finite_gradient(family: str, kind: str, embedding: str) -> None:
    told = inputs(kind)
    model = build(family, told, numeric_embedding=embedding)
    rows, target = models.members(model(*batch(64, told)), torch.arange(64) % 3)
    nn.functional.cross_entropy(rows, target).backward()  # type: ignore[no-untyped-call]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize(("family", "kind"), CASES)
def test_weights_of_levels_score_as_the_codes_that_they_stand_for(family: str, kind: str, embedding: str) -> None:
    told = inputs(kind)
    model = build(family, told, numeric_embedding=embedding).eval()
    numeric, codes, *signal = batch(6, told)
    onehot = [nn.functional.one_hot(codes[:, c].long(), n).float() for c, n in enumerate(told.levels)]
    torch.testing.assert_close(
        models.scores(model(numeric, torch.cat(onehot, dim=1), *signal)), models.scores(model(numeric, codes, *signal))
    )


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize(("family", "kind"), CASES)
def test_weights_come_back_from_safetensors_to_the_same_scores(family: str, kind: str, embedding: str) -> None:
    told = inputs(kind)
    first, second = (build(family, told, seed=seed, numeric_embedding=embedding).eval() for seed in (0, 1))
    rows = batch(9, told)
    assert not torch.equal(first(*rows), second(*rows))
    second.load_state_dict(from_safetensors(to_safetensors(first.state_dict())))
    assert torch.equal(first(*rows), second(*rows))


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_a_seed_repeats_a_training_bit_for_bit(family: str, kind: str) -> None:
    def losses() -> list[float]:
        told = inputs(kind)
        model = build(family, told, seed=7)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        found = []
        for step in range(3):
            out, target = models.members(model(*batch(32, told, seed=step)), torch.arange(32) % 3)
            loss = nn.functional.cross_entropy(out, target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            found.append(loss.item())
        return found

    assert losses() == losses()


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_missing_codes_in_every_feature_give_numbers(family: str, kind: str) -> None:
    told = inputs(kind)
    model = build(family, told).eval()
    numeric, codes, *signal = batch(4, told)
    assert model(numeric, torch.zeros_like(codes), *signal).isfinite().all()


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_rows_are_scored_alone_in_eval_mode(family: str, kind: str) -> None:
    # A text or a series alone is cut at its own end: what stands behind the end of a shorter one changes nothing.
    told = inputs(kind)
    model = build(family, told).eval()
    rows = batch(8, told)
    together = models.scores(model(*rows))
    alone = torch.cat([models.scores(model(*(part[i : i + 1] for part in rows))) for i in range(8)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("family", "kind"), CASES)
def test_every_family_can_learn_32_rows_by_heart(family: str, kind: str) -> None:
    told = inputs(kind)
    model = build(family, told).train()
    rows, target = batch(32, told), torch.arange(32) % 3
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(300):
        out, wanted = models.members(model(*rows), target)
        loss = nn.functional.cross_entropy(out, wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if loss < 0.02:
            break
    model.eval()
    with torch.inference_mode():
        right = (models.scores(model(*rows)).argmax(dim=1) == target).float().mean()
    assert right >= (0.7 if family == "linear" else 0.95)


@pytest.mark.parametrize(("family", "kind"), [case for case in CASES if case[1] != "table"])
def test_columns_of_the_table_beside_a_signal_change_the_scores(family: str, kind: str) -> None:
    told = inputs(kind)
    model = build(family, told).eval()
    numeric, codes, signal = batch(4, told)
    scores = models.scores(model(numeric, codes, signal))
    assert not torch.allclose(scores, models.scores(model(numeric + 1, codes, signal)))
    assert not torch.allclose(scores, models.scores(model(numeric, 1 - codes.clamp(max=1), signal)))


@pytest.mark.parametrize("kind", ["table", "image", "text", "series"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_for_other_inputs_is_refused_with_those_that_fit(family: str, kind: str) -> None:
    mistakes = models.check_takes(family, SIGNALS.get(kind))
    assert bool(mistakes) == (kind not in taken(family))
    for mistake in mistakes:
        assert repr(family) in mistake.found
        assert "constant" in mistake.allowed.split(", ")
        assert all(kind in taken(other) for other in mistake.allowed.split(", "))


@pytest.mark.parametrize("family", TORCH)
def test_building_and_running_touch_no_state_but_torchs_generator(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*args: object, **kwargs: object) -> None:
        raise AssertionError("a model family opened a connection")

    monkeypatch.setattr("socket.socket.connect", no_network)
    before = (random.getstate(), str(np.random.get_state()), torch.get_default_dtype(), torch.get_num_threads())
    told = inputs(taken(family)[-1])
    build(family, told)(*batch(5, told))
    assert before == (random.getstate(), str(np.random.get_state()), torch.get_default_dtype(), torch.get_num_threads())


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unknown_option_is_told_with_those_that_exist(family: str) -> None:
    with pytest.raises(SpecError, match="unknown key 'no_such_option'"):
        models.check(family, {"no_such_option": 1})


@pytest.mark.parametrize("family", FAMILIES)
def test_checked_options_are_complete_and_stay_as_they_are(family: str) -> None:
    checked = models.check(family, {})
    assert models.check(family, checked) == checked
    assert set(checked) == set(plugins.load("model", family).Config.model_fields)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_source_of_a_family_is_its_file(family: str) -> None:
    source = models.source_of(family)
    assert source is not None
    assert source.name == f"{family}.py"


# ------------------------------------------------------------------------------------------ on a sample of Adult


@cache
def adult() -> tuple[Inputs, tuple[np.ndarray[Any, Any], ...], tuple[np.ndarray[Any, Any], ...]]:
    """Inputs, then (numeric, codes, target) of 4,000 train and 2,000 other rows."""
    frame = pq.read_table("examples/adult/adult.parquet").to_pandas().sample(6000, random_state=0)
    numbers = frame[["age", "education_num", "capital_gain", "hours_per_week"]].to_numpy(np.float32)
    numbers = (numbers - numbers[:4000].mean(0)) / numbers[:4000].std(0)
    columns = [frame[name].astype("category").cat.codes.to_numpy() + 2 for name in ("marital_status", "occupation")]
    codes = np.stack(columns, axis=1).astype(np.int16)
    target = (frame["income"] == ">50K").to_numpy().astype(np.int64)
    told = Inputs(
        n_numeric=numbers.shape[1],
        levels=tuple(int(column.max()) + 1 for column in columns),
        encode=("onehot", "embedding"),
        knots=np.quantile(numbers[:4000], np.linspace(0, 1, 129), axis=0).T.astype(np.float32),
    )
    parts = (numbers, codes, target)
    return told, tuple(part[:4000] for part in parts), tuple(part[4000:] for part in parts)


def log_loss(scores: Tensor, target: np.ndarray[Any, Any]) -> float:
    return nn.functional.cross_entropy(scores, torch.from_numpy(target)).item()


def constant_loss() -> float:
    _, (numeric, codes, target), (other_numeric, other_codes, other_target) = adult()
    weights = models.fit("constant", {}, numeric, codes, target, "classification", 2)
    return log_loss(torch.from_numpy(models.score("constant", {}, weights, other_numeric, other_codes)), other_target)


@pytest.mark.parametrize("family", [family for family in TORCH if "table" in taken(family)])
def test_three_epochs_on_adult_beat_the_constant(family: str) -> None:
    told, train, other = adult()
    numeric, codes, target = (torch.from_numpy(part) for part in train)
    model = build(family, told, n_outputs=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for rows in torch.randperm(3 * 4000).remainder(4000).reshape(-1, 125):
        out, wanted = models.members(model(numeric[rows], codes[rows]), target[rows])
        loss = nn.functional.cross_entropy(out, wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model.eval()
    with torch.inference_mode():
        scores = models.scores(model(*(torch.from_numpy(part) for part in other[:2])))
    assert log_loss(scores, other[2]) < 0.8 * constant_loss()
