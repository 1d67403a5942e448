"""Ray Train: the workers, and nothing else.

`TorchTrainer` in local mode (`num_workers=0`) calls the loop in this process and costs its import; with workers it
starts them, joins them into a process group and starts them again when one dies. Local mode could do with the leaner
`DataParallelTrainer`, but its import costs the same: nearly all of it is `import ray.train`.

Nothing is reported to Ray and no checkpoint is given to it. A worker's own error is not mended by another start, yet
Ray counts it as one that might be. So a rank writes down why it failed, and a group that finds such a note goes home.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import dataclass
from typing import Any

import psutil
import ray
import ray.train
import ray.util
import torch
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.torch.config import _TorchBackend

from assay.artifacts import Events
from assay.errors import Mistake, SpecError, TrainingError
from assay.spec.training import ComputeSpec
from assay.store import Bucket, Files
from assay.training._cluster import address_of, cluster, n_cpus
from assay.training._failures import grouped, is_lost_peer, summary
from assay.training._job import FAILURES, JOURNAL, STOP, Job
from assay.training._loop import fit as loop
from assay.training._place import Place, threads
from assay.training._relay import Journal, Relay

POLL_S = 0.1
BUCKET_POLL_S = 0.5
RAY = "ray"  # what Ray keeps for itself
RESIZE_S = 60.0  # elastic workers look around for more machines as often: more of them means a new start
MAX_STARTS = 5  # of a worker group that does not come up


def fit(job: Job, use_gpu: bool, events: Events) -> None:
    """Run the loop through Ray Train, in this process or by workers."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)  # what matters reaches us as exceptions
    if job.compute.workers == 0:
        _fit_here(job, use_gpu, events)
    else:
        _fit_with_workers(job, use_gpu, events)


def gpu_wanted(compute: ComputeSpec) -> bool:
    """True when training is to run on GPUs. Raises SpecError when it is to and there are none."""
    if compute.device == "cpu":
        return False
    here = torch.cuda.is_available()
    elsewhere = bool(address_of(compute)) and compute.workers != 0  # another machine's GPUs: Ray will see
    if compute.device == "cuda" and not here and not elsewhere:
        found = "`device: cuda`, and torch sees no GPU on this machine"
        raise SpecError.of([Mistake(where="compute.device", found=found, allowed="auto, cpu")])
    return here or compute.device == "cuda"


def _fit_here(job: Job, use_gpu: bool, events: Events) -> None:
    def run() -> None:
        devices = [torch.cuda.current_device()] if use_gpu else []
        with torch.random.fork_rng(devices), threads(job.compute.threads or torch.get_num_threads()):
            loop(job, _place(use_gpu), events)

    TorchTrainer(run, scaling_config=ray.train.ScalingConfig(num_workers=0)).fit()


def _fit_with_workers(job: Job, use_gpu: bool, events: Events) -> None:
    said = job.said
    for left in (JOURNAL, FAILURES, RAY):
        said.remove(left)
    relay = Relay(said, events)
    with cluster(job.compute):
        trainer = Trainer(
            _work,
            train_loop_config={"job": job, "use_gpu": use_gpu},
            torch_config=Torch(),
            scaling_config=ray.train.ScalingConfig(
                num_workers=job.compute.workers, use_gpu=use_gpu, elastic_resize_monitor_interval_s=RESIZE_S
            ),
            run_config=ray.train.RunConfig(
                name="workers",
                **_storage(said),
                failure_config=ray.train.FailureConfig(
                    max_failures=job.compute.max_failures, controller_failure_limit=MAX_STARTS
                ),
            ),
        )
        # In a thread of its own `fit` leaves SIGINT alone, and this one is free to relay.
        error = _in_thread(trainer.fit, job, relay)
    relay.poll()
    notes = {int(rank): json.loads(said.read(f"{FAILURES}/{rank}")) for rank in _failed(said)}
    if isinstance(said, Bucket):
        said.remove()
    if notes:
        raise TrainingError(f"training failed: {grouped(notes)}") from error
    if error is not None:
        raise TrainingError(_gave_up(error, job.compute.max_failures)) from error


@dataclass
class Torch(TorchConfig):  # type: ignore[misc]
    """How ranks find each other: at the address that their node has in the cluster.

    Gloo would take the one that the host's name stands for. On many machines that is 127.0.1.1, which no other reaches.
    """

    @property
    def backend_cls(self) -> type:
        """What Ray Train calls."""
        return Backend


class Backend(_TorchBackend):  # type: ignore[misc]
    """Ray Train's for torch, on the right network interface."""

    def on_start(self, worker_group: Any, backend_config: TorchConfig) -> None:
        """Join the workers."""
        worker_group.execute(_face_cluster)
        super().on_start(worker_group, backend_config)


def _face_cluster() -> None:
    address = ray.util.get_node_ip_address()
    for name, addresses in psutil.net_if_addrs().items():
        if any(each.address == address for each in addresses):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)


class Trainer(TorchTrainer):  # type: ignore[misc]
    """Ray Train's, less two helpers that it waits for, each in a process of its own.

    One hands out Ray's data sets, and there are none; the other removes what a dead controller has reserved, which in
    a cluster of our own goes with the cluster. In a Ray that calls its hook otherwise they merely are there again.
    """

    def _create_default_callbacks(self) -> list[Any]:
        idle = {"DatasetsCallback", "PlacementGroupCleanerCallback"}
        found: list[Any] = super()._create_default_callbacks()
        return [callback for callback in found if type(callback).__name__ not in idle]


def _work(config: dict[str, Any]) -> None:
    """What each worker runs."""
    job: Job = config["job"]
    said = job.said
    if _failed(said):
        return
    context = ray.train.get_context()
    try:
        share = max(1, n_cpus() // context.get_local_world_size())  # Ray would leave each worker one
        with threads(job.compute.threads or share):
            loop(job, _place(config["use_gpu"]), Journal(said))
    except Exception as error:
        if not is_lost_peer(error):
            note = json.dumps(summary(error)).encode()
            said.write(f"{FAILURES}/{context.get_world_rank()}", note)
        raise


def _place(use_gpu: bool) -> Place:
    context = ray.train.get_context()
    device = torch.device("cuda", torch.cuda.current_device()) if use_gpu else torch.device("cpu")
    return Place(context.get_world_rank(), context.get_world_size(), device)


def _failed(said: Files) -> list[str]:
    """The ranks that have written down why they failed."""
    return [name.removeprefix(f"{FAILURES}/") for name in said.names() if name.startswith(f"{FAILURES}/")]


def _storage(said: Files) -> dict[str, Any]:
    """Where Ray keeps its own notes: where all workers see them, which it checks."""
    if not isinstance(said, Bucket):
        return {"storage_path": f"{said}/{RAY}"}
    system, path = said.located
    return {"storage_path": f"{path}/{RAY}", "storage_filesystem": system}


def _in_thread(function: Any, job: Job, relay: Relay) -> BaseException | None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as error:  # carried to the thread that waits, whatever it is
            failed.append(error)

    thread = threading.Thread(target=run, name="ray-train", daemon=True)
    thread.start()
    said, told = job.said, not isinstance(job.said, Bucket)
    poll_s = POLL_S if told else BUCKET_POLL_S
    while thread.is_alive():
        thread.join(poll_s)
        relay.poll()
        if not told and job.stop.exists():
            said.write(STOP, b"stop")
            told = True
    return failed[0] if failed else None


def _gave_up(error: BaseException, max_failures: int) -> str:
    if not isinstance(error, ray.train.WorkerGroupError):
        return f"training failed: {summary(error)}"
    # Where one went away the others fail for want of it, which is no cause.
    causes = {rank: each for rank, each in error.worker_failures.items() if not is_lost_peer(each)}
    cause = grouped({rank: _cause(each) for rank, each in (causes or error.worker_failures).items()})
    return f"workers failed more often than `compute.max_failures: {max_failures}` allows. The last time: {cause}"


def _cause(error: Exception) -> str:
    died = isinstance(getattr(error, "health_check_failure", error), ray.exceptions.RayActorError)
    return "a worker's process died (killed, out of memory, or its machine went away)" if died else summary(error)
