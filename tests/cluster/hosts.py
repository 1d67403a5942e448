"""Hosts on one machine: each with an address, a disk and shared memory of its own, joined by a switch.

A host is a network namespace with a cable (veth) to a bridge. What runs on it runs in a mount namespace in which `/tmp`
and `/dev/shm` are its own, so two hosts see of each other what the network carries, and nothing else.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

BIN = Path(sys.executable).parent
SRC = Path(__file__).parents[2]
OWN = "mount -t tmpfs none /tmp && mount -t tmpfs none /dev/shm && exec"


def reason_against() -> str:
    """Why there can be no hosts here, or nothing."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("nsenter"):
        return "network namespaces need root, `ip` and `nsenter`"
    name = f"probe{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "the kernel does not allow network namespaces here"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True)


class Host:
    """One host. Its disk can be seen at `disk` while `ray` runs on it."""

    def __init__(self, net: Net, number: int) -> None:
        self.net, self.number = net, number
        self.address = f"{net.prefix}.{number + 10}"
        self.namespace, self._cable = f"{net.name}n{number}", f"{net.name}v{number}"
        self.ray: subprocess.Popen[bytes] | None = None
        ip("netns", "add", self.namespace)
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        ip("link", "set", self._cable, "master", net.bridge, "up")
        for each in (["addr", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            ip("-n", self.namespace, *each)
        ip("-n", self.namespace, "link", "set", "lo", "up")

    def plug(self, *, out: bool) -> None:
        """Pull the cable out of the switch, or put it back."""
        ip("link", "set", self._cable, "down" if out else "up")

    def start(self, *args: str, cpus: int) -> None:
        """Start Ray on it."""
        command = [str(BIN / "ray"), "start", "--block", f"--node-ip-address={self.address}", f"--num-cpus={cpus}"]
        command += ["--object-store-memory=100000000", "--disable-usage-stats", *args]
        line = ["ip", "netns", "exec", self.namespace, "sh", "-c", f'{OWN} "$@"', "sh", *command]
        log = open(self.net.folder / f"ray-{self.number}.log", "ab")  # noqa: SIM115 - as long as Ray runs
        self.ray = subprocess.Popen(line, env=self.net.env, stdout=log, stderr=log, start_new_session=True)

    @property
    def disk(self) -> Path:
        """The root of its file system."""
        assert self.ray is not None
        return Path(f"/proc/{self.ray.pid}/root")

    def run(self, *command: str, **more: str) -> subprocess.Popen[str]:
        """Run a command on it, beside Ray."""
        assert self.ray is not None
        line = ["nsenter", f"--target={self.ray.pid}", "--mount", "--net", f"--wd={SRC}", "--", *command]
        return subprocess.Popen(
            line,
            env=self.net.env | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[psutil.Process]:
        """What runs on it."""
        command = ["ip", "netns", "pids", self.namespace]
        pids = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return [psutil.Process(int(pid)) for pid in pids if psutil.pid_exists(int(pid))]

    def trains(self) -> bool:
        """True when a worker of a training runs on it."""
        for process in self.processes():
            with suppress(psutil.Error):
                if "RayTrainWorker" in " ".join(process.cmdline()):
                    return True
        return False

    def stop(self) -> None:
        """The power goes."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        if self.ray is not None:
            self.ray.wait()
            self.ray = None


class Net:
    """A switch, what is plugged in, and the environment that all share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        drawn = secrets.randbelow(1 << 16)
        self.name = f"as{drawn:04x}"
        self.prefix = f"10.{100 + drawn // 256 % 100}.{drawn % 256}"
        self.bridge, self.address = f"{self.name}b", f"{self.prefix}.1"
        self.hosts: list[Host] = []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "ASSAY_"))}
        self.env = inherited | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "2000",
            "NO_COLOR": "1",
        }
        ip("link", "add", self.bridge, "type", "bridge")
        ip("addr", "add", f"{self.address}/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")

    def host(self) -> Host:
        """One more."""
        self.hosts.append(Host(self, len(self.hosts)))
        return self.hosts[-1]

    def close(self) -> None:
        """Everything goes, and leaves nothing."""
        for host in self.hosts:
            host.stop()
            ip("link", "del", host._cable)
            ip("netns", "del", host.namespace)
        ip("link", "del", self.bridge)


@contextmanager
def net(folder: Path) -> Iterator[Net]:
    """A switch for as long as the block lasts."""
    made = Net(folder)
    try:
        yield made
    finally:
        made.close()


def wait_for(true: object, seconds: float, what: str) -> float:
    """Wait until `true()`; how long it took."""
    started = time.monotonic()
    while not true():  # type: ignore[operator]
        assert time.monotonic() - started < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return time.monotonic() - started
