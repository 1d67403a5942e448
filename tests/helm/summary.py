"""A release on a few pages: what runs, as whom, with what, and who may talk to whom. No credential, no hash."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.helm.crossref import Release

Object = dict[str, Any]


def summary(objects: list[Object]) -> str:
    """The lines of a golden file."""
    release = Release(objects, {})
    lines = [f"{each['kind']} {each['metadata']['name']}{_hook(each)}" for each in objects]
    lines += ["", *(line for pod in release.pods for line in _pod(pod.owner, pod.spec)), ""]
    lines += [line for each in release.of("NetworkPolicy").values() for line in _policy(each)]
    lines += ["", *(f"{name}: {rule}" for name, role in release.of("Role").items() for rule in role["rules"])]
    return re.sub(r"-deployments-[0-9a-f]{8}", "-deployments-HASH", "\n".join(lines)) + "\n"


def _hook(made: Object) -> str:
    hook = made["metadata"].get("annotations", {}).get("helm.sh/hook")
    return f" ({hook})" if hook else ""


def _pod(owner: str, spec: Object) -> Iterator[str]:
    for container in spec["containers"]:
        yield f"{owner} / {container['name']}: {container['image']} as {spec['serviceAccountName']}"
        if "command" in container:
            yield f"  {' '.join(container['command'])}"
        yield from (f"  {each['name']} = {_value(each)}" for each in container.get("env", []))
        yield from (f"  {each['mountPath']} <- {each['name']}" for each in container.get("volumeMounts", []))


def _value(variable: Object) -> str:
    if "value" in variable:
        return str(variable["value"])
    reference = variable["valueFrom"]["secretKeyRef"]
    return f"<{reference['name']}/{reference['key']}>"


def _policy(policy: Object) -> Iterator[str]:
    spec = policy["spec"]
    me = spec["podSelector"]["matchLabels"].get("app.kubernetes.io/component", "*")
    for way, arrow, side in (("ingress", "<-", "from"), ("egress", "->", "to")):
        for rule in spec.get(way) or []:
            ports = ",".join(str(each["port"]) for each in rule.get("ports", [])) or "any"
            for peer in rule.get(side, [{}]):
                yield f"{me} {arrow} {_peer(peer)} {ports}"


def _peer(peer: Object) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    if "podSelector" in peer:
        return str(peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"])
    return str(peer.get("namespaceSelector", {}).get("matchLabels", "anybody"))
