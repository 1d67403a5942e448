"""Opening MLflow: quiet, quick to fail, and with the schema made by one process alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import AssayError
from assay.ledger import Ledger
from assay.store import replace_durably

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Read by MLflow when it is imported or makes a request; what the user has set stays. Whoever calls us decides whether
# and when to try again, so MLflow itself does not (its default is seven times, four minutes).
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
SCHEMA_WAIT_S = 120.0
SQLITE = "sqlite:///"
_PASSWORD = re.compile(r"""(\w://[^\s/:@"']*:)[^\s/@"']+(?=@)|([?&](?:password|passwd|pwd|token|secret)=)[^\s&"']+""")


def configure() -> None:
    """Set MLflow's environment, where the user has not. To be called before MLflow is imported."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


@cache
def connect(uri: str, home: Path) -> MlflowClient:
    """A client of the MLflow at `uri`, the same one for every caller in this process."""
    configure()
    from mlflow import MlflowClient

    if uri.startswith(("http://", "https://")):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    # Imported before the lock is taken: opening a database that is there takes 0.03 s, these half a second.
    import mlflow.store.model_registry.sqlalchemy_store
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    # Eight processes that open a new database at once all try to make its tables, and seven of them crash.
    with Ledger(home).lock("mlflow-schema", wait_s=SCHEMA_WAIT_S, doing="the first start of the MLflow database"):
        if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists():
            _make(Path(uri.removeprefix(SQLITE)))
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_registered_models(max_results=1)
    return client


def _make(path: Path) -> None:
    """Make a new database under another name first: a kill amid its many migrations would leave one nobody can open."""
    from mlflow.store.db import utils

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    engine = utils.create_sqlalchemy_engine_with_retry(f"{SQLITE}{draft}")
    utils._initialize_tables(engine)
    engine.dispose()
    replace_durably(draft, path)


@contextmanager
def reaching(uri: str, failure: type[AssayError], comfort: str = "") -> Iterator[None]:
    """What MLflow, its database or the network raise becomes one `failure` that says where, and `comfort`."""
    configure()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = without_passwords(str(error) or type(error).__name__).splitlines()[0]
        message = f"MLflow at {without_passwords(uri)} cannot be used: {reason}."
        raise failure(f"{message} {comfort}".rstrip()) from error


def without_passwords(text: str) -> str:
    """`text` with the passwords of all addresses in it struck out."""
    return _PASSWORD.sub(r"\1\2***", text)
