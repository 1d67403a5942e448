"""The weights that a training starts from: found and named by their digest at first, read when a stage needs them.

The digest is written into the spec, so weights that change make a new run, and what was started from stands in the
report. `sha256` in the file of the spec holds them to what they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assay import preprocessing, registry, tracking, training
from assay.artifacts import Blob, Model, Preprocessing, TrainingArrays, as_data, from_json, sha256_of, to_json
from assay.errors import Mistake, SpecError
from assay.ledger import Ledger
from assay.pipeline._links import Surroundings
from assay.pipeline._steps import Step
from assay.spec import Spec, packages, plugins
from assay.spec.transfer import PACKAGE, REGISTERED, PretrainedSpec
from assay.store import Store, digest_of

WHERE = "training.pretrained"


def pinned(spec: Spec, ledger: Ledger, *, ask: bool = True) -> Spec:
    """`spec` with the digest of its weights. With `ask` the registry is asked; else what it said last time counts.

    Raises SpecError when they are not there or not those of the spec, RegistryError when no model is.
    """
    wanted = spec.training.pretrained
    if wanted is None:
        return spec
    found = [_placed(spec, mistake) for mistake in mistakes(spec)]
    if found:
        raise SpecError.of(found)
    sha256 = _digest(spec, wanted, ledger, ask)
    if wanted.sha256 and sha256 and sha256 != wanted.sha256:
        mistake = Mistake(where=f"{WHERE}.sha256", found=f"the weights are {sha256}", allowed=wanted.sha256)
        raise SpecError.of([_placed(spec, mistake)])
    with_digest = wanted.model_copy(update={"sha256": sha256})
    return spec.model_copy(update={"training": spec.training.model_copy(update={"pretrained": with_digest})})


def mistakes(spec: Spec) -> Iterator[Mistake]:
    """What the spec says of weights and cannot be had."""
    wanted, family = spec.training.pretrained, spec.model.family
    if wanted is None:
        return
    if wanted.train != "all" and spec.preprocessing.kind_of_input == "table":
        allowed = "all: only networks for images, texts and series have a backbone"
        yield Mistake(where=f"{WHERE}.train", found=f"`{wanted.train}`, and the input is a table", allowed=allowed)
    for name in spec.tune.space if spec.tune is not None else ():
        if name.startswith((f"{WHERE}.weights", f"{WHERE}.sha256")):
            yield Mistake(where=f"tune.space.{name}", found="it is searched", allowed="one set of weights for all")
    if wanted.weights.startswith(REGISTERED):
        return
    try:
        path = _file(spec, wanted)
    except SpecError as error:
        yield from error.mistakes
        return
    if path is None:
        having = ", ".join(name for name in plugins.names("model") if plugins.package(name)) or "none"
        yield Mistake(where=f"{WHERE}.weights", found=f"no package has weights of {family!r}", allowed=f"of {having}")
    elif not path.is_file():
        yield Mistake(
            where=f"{WHERE}.weights", found=f"there is no file {wanted.weights!r}", allowed=f"one in {spec.root}"
        )


def weights(spec: Spec, ledger: Ledger) -> Blob | None:
    """The weights of a pinned spec, in the store."""
    wanted = spec.training.pretrained
    if wanted is None:
        return None
    if (model := _registered(wanted, ledger)) is not None:
        return model.weights
    path = _file(spec, wanted)
    assert path is not None, "`mistakes` says so"
    return training.stored(path, spec.model.family, wanted.weights, store=ledger.store)


def embedded(
    spec: Spec, prepared: Preprocessing, arrays: TrainingArrays, step: Step, weights: object, store: Store
) -> TrainingArrays:
    """The arrays with the features of a frozen backbone, where it makes the same of them in every epoch."""
    if not spec.training.features_stay:
        return arrays
    found: TrainingArrays = step(
        "features", training.features, arrays, prepared, spec.model, spec.training.pretrained, spec.compute,
        store=store, weights=weights, root=spec.root,
    )  # fmt: skip
    return found


def check_vocabulary(spec: Spec, prepared: Preprocessing, around: Surroundings) -> None:
    """Raise SpecError when a registered model of texts numbers its tokens otherwise: weights would mean nothing."""
    wanted = spec.training.pretrained
    if wanted is None or not prepared or prepared.signal is None or prepared.signal.kind != "text":
        return
    model = _registered(wanted, Ledger(around.home))
    if model is None:
        return
    own, theirs = (
        preprocessing.encoder(each, store=around.store).state.text for each in (prepared, model.preprocessing)
    )
    if own is None or theirs is None or own.vocabulary != theirs.vocabulary:
        found, allowed = "that model has learned another vocabulary", "one of the same tokens, e.g. `tokens: minilm`"
        raise SpecError.of([_placed(spec, Mistake(where=f"{WHERE}.weights", found=found, allowed=allowed))])


def _digest(spec: Spec, wanted: PretrainedSpec, ledger: Ledger, ask: bool) -> str:
    """The digest of the file, or of the registered model's weights; empty where that is not known without asking."""
    if not wanted.weights.startswith(REGISTERED):
        path = _file(spec, wanted)
        assert path is not None, "`mistakes` says so"
        return digest_of(path)
    if ask:
        uri = tracking.destination(ledger.home, spec.tracking.uri)
        reference = wanted.weights.removeprefix(REGISTERED)
        model = registry.load(reference, uri=uri, home=ledger.home, store=ledger.store).model
        if model.family != spec.model.family:
            mistake = Mistake(where=f"{WHERE}.weights", found=f"it is a {model.family}", allowed=spec.model.family)
            raise SpecError.of([_placed(spec, mistake)])
        ledger.note(_note(wanted), {"model": as_data(model)})
    known = _registered(wanted, ledger)
    return known.weights.sha256 if known is not None else ""


def _registered(wanted: PretrainedSpec, ledger: Ledger) -> Model | None:
    """The registered model as it was last seen; None for weights from elsewhere."""
    noted = ledger.noted(_note(wanted)) if wanted.weights.startswith(REGISTERED) else None
    return from_json(Model, to_json(noted["model"])) if noted is not None else None


def _file(spec: Spec, wanted: PretrainedSpec) -> Path | None:
    """The file of the weights; None when `package` is written and no package has weights of the family."""
    if wanted.weights != PACKAGE:
        return spec.root / wanted.weights
    family = spec.model.family
    package = plugins.package(family) if family in plugins.names("model") else ()
    return packages.file(*package, where=f"{WHERE}.weights") if package else None


def _note(wanted: PretrainedSpec) -> str:
    return f"pretrained-{sha256_of(wanted.weights)[:16]}"


def _placed(spec: Spec, mistake: Mistake) -> Mistake:
    where = spec.place(mistake.where)
    return Mistake(where=where, found=mistake.found, allowed=mistake.allowed, hint=mistake.hint)
