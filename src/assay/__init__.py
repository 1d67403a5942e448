"""One YAML file takes real data to an audited, promoted model.

import assay
result = assay.run(assay.load_spec("adult.yaml"))
result.outcome, result.decision.reason, result.registered
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Read when torch is loaded. Threads that spin while they wait for each other make a training 25 times slower as soon as
# anything else wants a core (measured: 1.5 s an epoch instead of 0.06); threads that sleep cost nothing on a quiet one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
__all__ = ["RunResult", "Spec", "load_spec", "plan", "run"]

if TYPE_CHECKING:
    from assay.pipeline import RunResult, plan, run
    from assay.spec import Spec
    from assay.spec.loading import load_spec

_HOMES = {
    "RunResult": "assay.pipeline",
    "Spec": "assay.spec",
    "load_spec": "assay.spec.loading",
    "plan": "assay.pipeline",
    "run": "assay.pipeline",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that `import assay` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
