"""What the objects of a release say about each other.

A schema looks at one object. An API server and the controllers refuse, or worse, accept, what only shows when two are
read together: a Service that selects nobody, a probe of a port that no container has, a flow that a policy forbids.
Each check takes a `Release` and yields sentences; a release is sound when there are none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

Object = dict[str, Any]
SERVERS = ("Deployment", "StatefulSet", "RayCluster")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
SCALE = {
    None: 1,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
URL = re.compile(r"\w+://(?:[^\s/@\"']*@)?([a-z0-9][-a-z0-9.]*):(\d+)")
CREDENTIAL = re.compile(r"(PASSWORD|TOKEN|API_KEYS?|ACCESS_KEY|(?<!AUTH_STRING_)SECRET_KEY|AUTH_STRING)$")


@dataclass
class Pod:
    """A pod that some object will make."""

    owner: str
    kind: str
    labels: dict[str, str]
    spec: Object
    annotations: dict[str, str]
    claims: set[str] = field(default_factory=set)

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for each in self.containers for port in each.get("ports", [])}


class Release:
    """The objects by kind and name, and the pods that they will make. `theirs`: Secrets and claims of others."""

    def __init__(self, objects: list[Object], theirs: dict[str, set[str]]) -> None:
        self.objects, self.theirs = objects, theirs
        self.pods = [pod for each in objects for pod in _pods(each)]

    def of(self, kind: str) -> dict[str, Object]:
        return {each["metadata"]["name"]: each for each in self.objects if each["kind"] == kind}

    def selected(self, selector: Object) -> list[Pod]:
        return [pod for pod in self.pods if matches(selector, pod.labels)]


def problems(objects: list[Object], theirs: dict[str, set[str]]) -> list[str]:
    """Everything that is wrong between `objects`."""
    release = Release(objects, theirs)
    return [sentence for check in CHECKS for sentence in check(release)]


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """A label selector, as Kubernetes reads it."""
    plain = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    listed = selector.get("matchExpressions", [])
    return plain and all(labels.get(each["key"]) in each["values"] for each in listed if each["operator"] == "In")


def _pods(made: Object) -> Iterator[Pod]:
    kind, name, spec = made["kind"], made["metadata"]["name"], made.get("spec", {})
    notes = made["metadata"].get("annotations", {})
    if kind == "Pod":
        yield Pod(f"Pod {name}", kind, made["metadata"].get("labels", {}), spec, notes)
    templates = [spec["template"]] if kind in ("Deployment", "StatefulSet", "Job") else []
    if kind == "RayCluster":
        groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
        templates = [group["template"] for group in groups]
    claims = {each["metadata"]["name"] for each in spec.get("volumeClaimTemplates", [])}
    for template in templates:
        labels = template["metadata"].get("labels", {})
        yield Pod(f"{kind} {name}", kind, labels, template["spec"], notes, claims)


def names(release: Release) -> Iterator[str]:
    """DNS names, labels, and no object twice."""
    seen = Counter((each["kind"], each["metadata"]["name"]) for each in release.objects)
    for (kind, name), count in seen.items():
        form = LABEL if kind in ("Service", "StatefulSet", "Pod", "Job", "RayCluster") else SUBDOMAIN
        if not form.fullmatch(name):
            yield f"{kind} {name}: not a DNS name"
        if count > 1:
            yield f"{kind} {name}: {count} times"
    labelled = [(f"{each['kind']} {each['metadata']['name']}", each["metadata"]) for each in release.objects]
    labelled += [(pod.owner, {"labels": pod.labels}) for pod in release.pods]
    for owner, metadata in labelled:
        for key, value in metadata.get("labels", {}).items():
            if not isinstance(value, str) or not LABEL_VALUE.fullmatch(value):
                yield f"{owner}: label {key} is {value!r}"


def selectors(release: Release) -> Iterator[str]:
    """Every selector finds what it is for."""
    for kind in ("Deployment", "StatefulSet"):
        for name, made in release.of(kind).items():
            if not matches(made["spec"]["selector"], made["spec"]["template"]["metadata"]["labels"]):
                yield f"{kind} {name}: its selector does not match its own pods"
    for name, service in release.of("Service").items():
        if not release.selected({"matchLabels": service["spec"]["selector"]}):
            yield f"Service {name}: selects no pod"
    for name, made in release.of("StatefulSet").items():
        if made["spec"]["serviceName"] not in release.of("Service"):
            yield f"StatefulSet {name}: no Service {made['spec']['serviceName']}"
    for kind, where in (
        ("PodDisruptionBudget", "selector"),
        ("NetworkPolicy", "podSelector"),
        ("PodMonitor", "selector"),
    ):
        for name, made in release.of(kind).items():
            if not release.selected(made["spec"][where]):
                yield f"{kind} {name}: selects no pod"
    for name, made in release.of("HorizontalPodAutoscaler").items():
        target = made["spec"]["scaleTargetRef"]
        if target["name"] not in release.of(target["kind"]):
            yield f"HorizontalPodAutoscaler {name}: no {target['kind']} {target['name']}"
        elif "replicas" in release.of(target["kind"])[target["name"]]["spec"]:
            yield f"HorizontalPodAutoscaler {name}: each upgrade sets back the replicas of {target['name']}"


def ports(release: Release) -> Iterator[str]:
    """Services, probes and monitors name ports that there are."""
    for name, service in release.of("Service").items():
        for port in service["spec"]["ports"]:
            for pod in release.selected({"matchLabels": service["spec"]["selector"]}):
                target = port.get("targetPort", port["port"])
                if target not in pod.ports() and target not in pod.ports().values():
                    yield f"Service {name}: {pod.owner} has no port {target}"
    for pod in release.pods:
        counts = Counter(port["name"] for each in pod.containers for port in each.get("ports", []))
        yield from (f"{pod.owner}: port {name} {count} times" for name, count in counts.items() if count > 1)
        for container in pod.containers:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                port = container.get(probe, {}).get("httpGet", {}).get("port")
                if port is not None and port not in pod.ports() and port not in pod.ports().values():
                    yield f"{pod.owner}: {probe} asks port {port}, which it has not"
    for name, monitor in release.of("ServiceMonitor").items():
        found = [
            each
            for each in release.of("Service").values()
            if matches(monitor["spec"]["selector"], each["metadata"]["labels"])
        ]
        if not found:
            yield f"ServiceMonitor {name}: selects no Service"
        wanted = {each["port"] for each in monitor["spec"]["endpoints"]}
        for service in found:
            if missing := wanted - {port["name"] for port in service["spec"]["ports"]}:
                yield f"ServiceMonitor {name}: Service {service['metadata']['name']} has no port {missing}"
    for name, monitor in release.of("PodMonitor").items():
        for pod in release.selected(monitor["spec"]["selector"]):
            if missing := {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]} - set(pod.ports()):
                yield f"PodMonitor {name}: {pod.owner} has no port {missing}"


def volumes(release: Release) -> Iterator[str]:
    """What is mounted is declared, what is declared is mounted and exists."""
    claims, maps = release.of("PersistentVolumeClaim"), release.of("ConfigMap")
    for pod in release.pods:
        declared = {each["name"] for each in pod.spec.get("volumes", [])} | pod.claims
        mounts = [mount for each in pod.containers for mount in each.get("volumeMounts", [])]
        mounted = {each["name"] for each in mounts}
        yield from (f"{pod.owner}: mounts {name}, which is no volume" for name in mounted - declared)
        yield from (f"{pod.owner}: volume {name} is mounted nowhere" for name in declared - mounted)
        for container in pod.containers:
            paths = Counter(mount["mountPath"] for mount in container.get("volumeMounts", []))
            yield from (f"{pod.owner}: {path} is mounted {count} times" for path, count in paths.items() if count > 1)
        for volume in pod.spec.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in claims and claim not in release.theirs:
                yield f"{pod.owner}: no PersistentVolumeClaim {claim}"
            if (name := volume.get("configMap", {}).get("name")) and name not in maps:
                yield f"{pod.owner}: no ConfigMap {name}"
            if "hostPath" in volume:
                yield f"{pod.owner}: mounts the node's {volume['hostPath']['path']}"


def claims(release: Release) -> Iterator[str]:
    """A claim is mounted by a pod of the install: where the first mount binds it, `--wait` would wait for ever."""
    first = [pod for pod in release.pods if "helm.sh/hook" not in pod.annotations and pod.owner != "Job a-run"]
    mounted = {each.get("persistentVolumeClaim", {}).get("claimName") for pod in first for each in pod.spec["volumes"]}
    for name in release.of("PersistentVolumeClaim"):
        if name not in mounted:
            yield f"PersistentVolumeClaim {name}: no pod of an install mounts it"


def secrets(release: Release) -> Iterator[str]:
    """Each Secret that is named exists and has the key; no variable twice; none holds a credential in plain sight."""
    have = release.theirs | {name: set(each["stringData"]) for name, each in release.of("Secret").items()}
    for owner, reference in _references(release):
        if reference["name"] not in have:
            yield f"{owner}: no Secret {reference['name']}"
        elif reference["key"] not in have[reference["name"]]:
            yield f"{owner}: Secret {reference['name']} has no key {reference['key']}"
    for pod in release.pods:
        for container in pod.containers:
            counts = Counter(each["name"] for each in container.get("env", []))
            yield from (f"{pod.owner}: {name} is set {count} times" for name, count in counts.items() if count > 1)
            for each in container.get("env", []):
                if (CREDENTIAL.search(each["name"]) and each.get("value")) or "@" in each.get("value", ""):
                    yield f"{pod.owner}: {each['name']} is written in plain sight"
    for name, cluster in release.of("RayCluster").items():
        options = cluster["spec"].get("authOptions", {})
        if options.get("mode") != "token":
            yield f"RayCluster {name}: anybody may run a job on it"
        if options.get("secretName") not in have:
            yield f"RayCluster {name}: no Secret {options.get('secretName')}"


def _references(release: Release) -> Iterator[tuple[str, Object]]:
    for pod in release.pods:
        for container in pod.containers:
            for each in container.get("env", []):
                if "secretKeyRef" in each.get("valueFrom", {}):
                    yield pod.owner, each["valueFrom"]["secretKeyRef"]
    for name, monitor in release.of("ServiceMonitor").items():
        for endpoint in monitor["spec"]["endpoints"]:
            if "authorization" in endpoint:
                yield f"ServiceMonitor {name}", endpoint["authorization"]["credentials"]
    for name, cluster in release.of("RayCluster").items():
        if "gcsFaultToleranceOptions" in cluster["spec"]:
            yield (
                f"RayCluster {name}",
                cluster["spec"]["gcsFaultToleranceOptions"]["redisPassword"]["valueFrom"]["secretKeyRef"],
            )


def accounts(release: Release) -> Iterator[str]:
    """Accounts exist; only those with something to ask have a token; nobody may do everything, or read Secrets."""
    bound = {}
    for name, binding in release.of("RoleBinding").items():
        if binding["roleRef"]["name"] not in release.of("Role"):
            yield f"RoleBinding {name}: no Role {binding['roleRef']['name']}"
        for subject in binding["subjects"]:
            bound[subject["name"]] = name
            if subject["name"] not in release.of("ServiceAccount"):
                yield f"RoleBinding {name}: no ServiceAccount {subject['name']}"
    for name, role in release.of("Role").items():
        for rule in role["rules"]:
            if "*" in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]:
                yield f"Role {name}: a star"
            if "secrets" in rule["resources"]:
                yield f"Role {name}: secrets"
    yield from (
        f"{each['kind']}: rights in all namespaces"
        for each in release.objects
        if each["kind"].startswith("ClusterRole")
    )
    for pod in release.pods:
        account = pod.spec.get("serviceAccountName", "default")
        if account not in release.of("ServiceAccount"):
            yield f"{pod.owner}: no ServiceAccount {account}"
        if pod.spec.get("automountServiceAccountToken", True) != (account in bound):
            yield f"{pod.owner}: a token, and nothing to ask; or the other way round"


def quantities(release: Release) -> Iterator[str]:
    """Every container asks for CPU and memory, within what it may have."""
    for pod in release.pods:
        for container in pod.containers:
            asked, allowed = (container.get("resources", {}).get(key, {}) for key in ("requests", "limits"))
            for name in ("cpu", "memory"):
                if name not in asked or name not in allowed:
                    yield f"{pod.owner}: no request or no limit of {name}"
            for name, value in {**asked, **allowed}.items():
                if amount(value) is None:
                    yield f"{pod.owner}: {name} {value!r} is no quantity"
            for name in asked.keys() & allowed.keys():
                low, high = amount(asked[name]), amount(allowed[name])
                if low is not None and high is not None and low > high:
                    yield f"{pod.owner}: asks for {asked[name]} {name} and may have {allowed[name]}"
    for name, claim in release.of("PersistentVolumeClaim").items():
        if amount(claim["spec"]["resources"]["requests"]["storage"]) is None:
            yield f"PersistentVolumeClaim {name}: its size is no quantity"


def amount(quantity: object) -> float | None:
    """The number that a quantity stands for, or None where it is none."""
    found = QUANTITY.fullmatch(str(quantity))
    return float(found[1]) * SCALE[found[2]] if found else None


def replicas(release: Release) -> Iterator[str]:
    """min <= replicas <= max."""
    for name, scaler in release.of("HorizontalPodAutoscaler").items():
        if scaler["spec"]["minReplicas"] > scaler["spec"]["maxReplicas"]:
            yield f"HorizontalPodAutoscaler {name}: min above max"
    for name, cluster in release.of("RayCluster").items():
        for group in cluster["spec"]["workerGroupSpecs"]:
            if not group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]:
                yield f"RayCluster {name}: {group['groupName']} is not min <= replicas <= max"


def probes(release: Release) -> Iterator[str]:
    """What serves for ever says when it is ready and when it is dead."""
    for pod in release.pods:
        for container in pod.spec["containers"]:
            missing = {"startupProbe", "readinessProbe", "livenessProbe"} - set(container)
            if pod.kind in SERVERS and missing:
                yield f"{pod.owner}: no {', '.join(sorted(missing))}"


def security(release: Release) -> Iterator[str]:
    """The `restricted` pod security standard, and a root file system that is read only."""
    for pod in release.pods:
        whole = pod.spec.get("securityContext", {})
        if not whole.get("runAsNonRoot") or not whole.get("runAsUser"):
            yield f"{pod.owner}: may run as root"
        if whole.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{pod.owner}: no seccomp profile"
        for field_ in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(field_):
                yield f"{pod.owner}: {field_}"
        for container in pod.containers:
            yield from (f"{pod.owner}: {wrong}" for wrong in _container(container.get("securityContext", {})))
    for name, cluster in release.of("RayCluster").items():
        if "autoscalerOptions" in cluster["spec"]:
            context = cluster["spec"]["autoscalerOptions"].get("securityContext", {})
            yield from (f"RayCluster {name}, autoscaler: {wrong}" for wrong in _container(context))


def _container(context: Object) -> Iterator[str]:
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if context.get("privileged"):
        yield "privileged"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "writes to its root file system"


def images(release: Release) -> Iterator[str]:
    """Every image has a version."""
    for pod in release.pods:
        for container in pod.containers:
            image = container["image"]
            tag = image.rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in image and (not tag or tag == "latest"):
                yield f"{pod.owner}: image {image} has no version"


def network(release: Release) -> Iterator[str]:
    """All is denied; an address that a pod is told has a Service, and may be reached: out of one, into the other."""
    policies = list(release.of("NetworkPolicy").values())
    services = release.of("Service")
    for pod in release.pods if policies else []:
        if len([each for each in policies if matches(each["spec"]["podSelector"], pod.labels)]) < 2:
            yield f"{pod.owner}: under no policy beside the one that denies"
    for pod, host, port in _addresses(release):
        if host not in services:
            yield f"{pod.owner}: no Service {host}"
            continue
        found = [each for each in services[host]["spec"]["ports"] if each["port"] == port]
        if not found:
            yield f"{pod.owner}: Service {host} has no port {port}"
        for target in release.selected({"matchLabels": services[host]["spec"]["selector"]}) if found else []:
            goal = found[0].get("targetPort", port)
            yield from _forbidden(policies, pod, target, target.ports().get(goal, goal))
    ray = [pod for pod in release.pods if pod.kind == "RayCluster"]
    for one in ray:
        for other in ray:
            if policies and (one is not other or "ray-worker" in one.labels.values()):
                yield from _forbidden(policies, one, other, 6379)


def _addresses(release: Release) -> Iterator[tuple[Pod, str, int]]:
    """The addresses within this namespace that a pod is given: in its variables, its Secrets, its command line."""
    given = {name: each["stringData"] for name, each in release.of("Secret").items()}
    for pod in release.pods:
        told: set[tuple[str, int]] = set()
        for container in pod.containers:
            texts = [each.get("value", "") for each in container.get("env", [])]
            for each in container.get("env", []):
                reference = each.get("valueFrom", {}).get("secretKeyRef", {})
                texts.append(given.get(reference.get("name"), {}).get(reference.get("key"), ""))
            texts += container.get("command", []) + container.get("args", [])
            told |= {(host, int(port)) for text in texts for host, port in URL.findall(text)}
        yield from ((pod, host, port) for host, port in sorted(told) if "." not in host and host != "localhost")


def _forbidden(policies: list[Object], one: Pod, other: Pod, port: int) -> Iterator[str]:
    if policies and not _allowed(policies, one, other, port, "egress", "to"):
        yield f"{one.owner} may not go out to {other.owner} at {port}"
    if policies and not _allowed(policies, other, one, port, "ingress", "from"):
        yield f"{other.owner} does not let {one.owner} in at {port}"


def _allowed(policies: list[Object], mine: Pod, peer: Pod, port: int, way: str, side: str) -> bool:
    about = [each["spec"] for each in policies if matches(each["spec"]["podSelector"], mine.labels)]
    rules = [rule for spec in about for rule in spec.get(way) or []]
    for rule in rules:
        peers = rule.get(side, [])
        meant = any("podSelector" in each and matches(each["podSelector"], peer.labels) for each in peers)
        if meant and (not rule.get("ports") or port in [each["port"] for each in rule["ports"]]):
            return True
    return False


def hooks(release: Release) -> Iterator[str]:
    """A hook before an upgrade finds the old objects: what is new to it must be a hook too, and come first."""
    for pod in release.pods:
        when = pod.annotations.get("helm.sh/hook", "")
        if not when.startswith("pre-"):
            continue
        for volume in pod.spec.get("volumes", []):
            name = volume.get("configMap", {}).get("name")
            notes = release.of("ConfigMap").get(name, {}).get("metadata", {}).get("annotations", {})
            first = int(notes.get("helm.sh/hook-weight", 0)) < int(pod.annotations.get("helm.sh/hook-weight", 0))
            if name and (when not in notes.get("helm.sh/hook", "").split(",") or not first):
                yield f"{pod.owner}: ConfigMap {name} is that of the release before"


def embedded(release: Release) -> Iterator[str]:
    """YAML within ConfigMaps is YAML."""
    for name, each in release.of("ConfigMap").items():
        for key, text in each["data"].items():
            if key.endswith((".yaml", ".yml")):
                try:
                    yaml.safe_load(text)
                except yaml.YAMLError:
                    yield f"ConfigMap {name}: {key} is no YAML"


CHECKS: tuple[Callable[[Release], Iterator[str]], ...] = (
    names, selectors, ports, volumes, claims, secrets, accounts, quantities, replicas, probes, security, images,
    network, hooks, embedded,
)  # fmt: skip
