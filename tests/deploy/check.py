#!/usr/bin/python3
"""Checks of deploy/: what Rust's compiler cannot see.

Alert rules, their tests and the dashboard name only metrics that exist, with labels they have; every alert has a
runbook, and a test in which it fires; runbooks name only commands that exist; manifests and the service unit are as
locked down as they claim; the configuration in the manifests is one that breachd accepts.

Usage: check.py [BREACHD_BINARY]. The last line is "N passed, N failed". Needs promtool, systemd-analyze, python3-yaml.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/breachd.rules.yml"
RULE_TESTS = DEPLOY / "prometheus/breachd.rules.test.yml"
DASHBOARD = DEPLOY / "grafana/breachd.json"
RUNBOOKS = DEPLOY / "runbooks"
UNIT = DEPLOY / "systemd/breachd.service"
KUBERNETES = DEPLOY / "kubernetes"
CONTAINERFILE = DEPLOY / "container/Containerfile"
NAMES = ROOT / "crates/breachd/metrics/names.rs"
CLI = ROOT / "crates/breachd/cli.rs"

EXPOSURE_MAX = 1.5  # of 10; what `systemd-analyze security` calls OK begins at 4.2
SECTIONS = ["Symptom", "What it means", "Check", "Do", "Who"]
ADDED_BY_PROMETHEUS = {"job", "instance", "le"}

checks = []


def check(function):
    checks.append(function)
    return function


def want(condition, message):
    if not condition:
        raise AssertionError(message)


def run(*command, stdin=None):
    """Standard output and error of a command that must succeed."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=ROOT)
    want(done.returncode == 0, f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


# --- what there is --------------------------------------------------------------------------------


def metrics():
    """Name -> (kind, labels), from the list in the code."""
    pattern = r'(counter|gauge|histogram)\(\s*"([a-z_]+)",\s*&\[(.*?)\]'
    found = {
        name: (kind, set(re.findall(r'"(\w+)"', labels)))
        for kind, name, labels in re.findall(pattern, NAMES.read_text(), re.S)
    }
    want(len(found) > 20, f"only {len(found)} metrics found in {NAMES}: has the form of the list changed?")
    return found


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def dashboard_expressions():
    board = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    return queries + [annotation["expr"] for annotation in board["annotations"]["list"]]


def expressions():
    """(where, PromQL) of everything that names metrics."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for test in yaml.safe_load(RULE_TESTS.read_text())["tests"]:
        for series in test["input_series"]:
            yield f"test `{test['name']}`", series["series"]
    for query in dashboard_expressions():
        yield "dashboard", query


def documents():
    for path in sorted(KUBERNETES.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield path.name, document


def manifest(kind):
    found = [document for _, document in documents() if document["kind"] == kind]
    want(len(found) == 1, f"{len(found)} manifests of kind {kind}")
    return found[0]


# --- Prometheus and Grafana -----------------------------------------------------------------------


@check
def metrics_pass_promtool():
    said = run("promtool", "check", "metrics", stdin=(ROOT / "tests/deploy/metrics.prom").read_text())
    want(not said.strip(), said)


@check
def rules_pass_promtool():
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)


@check
def rules_pass_their_tests():
    run("promtool", "test", "rules", RULE_TESTS)


@check
def only_metrics_that_exist_are_named():
    known = metrics()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for where, expression in expressions():
        text = re.sub(r'"[^"]*"', '""', expression)
        for name in re.findall(r"\b(?:breachd|process)[_:][a-zA-Z0-9_:]*", text):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            histogram = known.get(base, ("", ()))[0] == "histogram"
            want(name in recorded or name in known or histogram, f"{where}: there is no metric `{name}`")


@check
def only_labels_that_exist_are_selected():
    known = metrics()
    for where, expression in expressions():
        for name, selector in re.findall(r"\b((?:breachd|process)_[a-z_]+)\{([^}]*)\}", expression):
            labels = known.get(name) or known[re.sub(r"_(bucket|sum|count)$", "", name)]
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", selector):
                want(label in labels[1] | ADDED_BY_PROMETHEUS, f"{where}: `{name}` has no label `{label}`")


@check
def every_alert_says_what_to_do():
    for name, rule in alerts().items():
        want(rule["labels"].get("severity") in ("critical", "warning"), f"{name}: severity")
        for key in ("summary", "description", "runbook_url"):
            want(rule["annotations"].get(key), f"{name}: no {key}")
        want(rule["annotations"]["runbook_url"] == f"deploy/runbooks/{name}.md", f"{name}: runbook_url")


@check
def every_alert_fires_in_a_test():
    fired = {
        expected["alertname"]
        for test in yaml.safe_load(RULE_TESTS.read_text())["tests"]
        for expected in test["alert_rule_test"]
        if expected.get("exp_alerts")
    }
    want(fired == set(alerts()), f"differ: {sorted(fired ^ set(alerts()))}")


@check
def the_quiet_test_knows_every_alert():
    quiet = yaml.safe_load(RULE_TESTS.read_text())["tests"][0]["alert_rule_test"]
    want(not any(case.get("exp_alerts") for case in quiet), "the first test expects an alert")
    named = {case["alertname"] for case in quiet}
    want(named == set(alerts()), f"differ: {sorted(named ^ set(alerts()))}")


@check
def every_alert_has_a_runbook_and_the_other_way_round():
    files = {path.stem for path in RUNBOOKS.glob("*.md")}
    want(files == set(alerts()), f"differ: {sorted(files ^ set(alerts()))}")


@check
def runbooks_have_their_sections():
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text()
        want(text.startswith(f"# {path.stem}\n"), f"{path.name}: title")
        want(re.findall(r"^## (.*)$", text, re.M) == SECTIONS, f"{path.name}: sections")
        for body in re.split(r"^## .*$", text, flags=re.M)[1:]:
            want(len(body.strip()) > 20, f"{path.name}: an empty section")


@check
def runbooks_name_only_commands_that_exist():
    source = CLI.read_text()
    enums = {
        name: [kebab(variant) for variant in re.findall(r"^    ([A-Z]\w+)\b", body, re.M)]
        for name, body in re.findall(r"pub enum (\w+) \{\n(.*?)^\}", source, re.S | re.M)
    }
    # Some commands have their options where their work is.
    options = set()
    for text in [source, *(text for text in (path.read_text() for path in CLI.parent.rglob("*.rs")) if "#[arg(" in text)]:
        options |= {field.replace("_", "-") for field in re.findall(r"^ +(?:pub )?(\w+): ", text, re.M)}
        options |= set(re.findall(r'long = "([\w-]+)"', text))
    want("run" in enums["Command"], "no commands found: has the form of cli.rs changed?")
    seen = 0
    for path in [*RUNBOOKS.glob("*.md"), DEPLOY / "README.md"]:
        for command in commands(path.read_text()):
            words = command.split()
            want(words[0] in enums["Command"], f"{path.name}: no command `breachd {words[0]}`")
            sub = enums.get(words[0].capitalize() + "Command")
            want(sub is None or words[1] in sub, f"{path.name}: no command `breachd {' '.join(words[:2])}`")
            for option in re.findall(r"--([\w-]+)", command):
                want(option in options, f"{path.name}: `breachd {words[0]}` has no option `--{option}`")
            seen += 1
    want(seen > 10, "hardly any command found: has the form of the runbooks changed?")


def commands(text):
    """What follows `breachd` in fenced blocks and between backticks."""
    code = re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M) + re.findall(r"(?<!`)`([^`]+)`(?!`)", text)
    for line in "\n".join(code).splitlines():
        yield from re.findall(r"(?:^|/bin/)breachd ([a-z]+\b[^#|>]*)", line)


@check
def every_invariant_is_known_and_explained():
    checked = {
        name
        for path in (ROOT / "crates").rglob("*.rs")
        for name in re.findall(r'invariant_violation\(\s*"(\w+)"', path.read_text())
    }
    module = (NAMES.parent / "mod.rs").read_text()
    known = set(re.findall(r'"(\w+)"', re.search(r"const INVARIANTS: .*?;\n", module, re.S)[0]))
    runbook = set(re.findall(r"`(\w+)`", (RUNBOOKS / "InvariantViolated.md").read_text()))
    want(checked and checked <= known, f"not among INVARIANTS: {sorted(checked - known)}")
    want(known <= runbook, f"not in the runbook: {sorted(known - runbook)}")


def kebab(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


@check
def dashboard_queries_are_promql():
    queries = [{"record": f"check:query_{n}", "expr": query} for n, query in enumerate(dashboard_expressions())]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": queries}]}, file)
        file.flush()
        run("promtool", "check", "rules", "--lint=none", file.name)


@check
def dashboard_panels_can_be_read():
    cells = set()
    ids = [panel["id"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    want(len(ids) == len(set(ids)), "ids of panels repeat")
    for panel in panels():
        title = panel["title"]
        want(panel.get("description"), f"{title}: no description")
        want(panel["fieldConfig"]["defaults"].get("unit"), f"{title}: no unit")
        place = panel["gridPos"]
        want(place["x"] + place["w"] <= 24, f"{title}: too wide")
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        want(not own & cells, f"{title}: lies over another panel")
        cells |= own


# --- systemd --------------------------------------------------------------------------------------


@check
def the_unit_is_hardened():
    run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX * 10:.0f}", UNIT)


@check
def the_unit_has_no_unknown_settings():
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "breachd.service"
        unit.write_text(UNIT.read_text().replace("ExecStart=/usr/bin/breachd", "ExecStart=/bin/true"))
        said = run("systemd-analyze", "verify", "--man=no", unit)
    said = [line for line in said.splitlines() if "breachd.service" in line]
    want(not said, "\n".join(said))


@check
def the_unit_keeps_its_promises():
    lines = UNIT.read_text().splitlines()
    for line in [
        "Type=notify",
        "ExecStart=/usr/bin/breachd run --config /etc/breachd/breachd.toml",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "LoadCredential=secret:/etc/breachd/secrets",
        "DynamicUser=yes",
        "Restart=always",
    ]:
        want(line in lines, f"no line `{line}`")
    seconds = {key: int(value) for key, value in (line.split("=") for line in lines if re.match(r"\w+Sec=\d+$", line))}
    want(seconds["TimeoutStopSec"] > 30, "a stop may take 30 s to send what waits")
    want(seconds["WatchdogSec"] > 60, "a loop counts as stalled after 60 s, the watchdog comes later")


# --- Kubernetes and the image ---------------------------------------------------------------------


@check
def manifests_are_complete():
    listed = set(manifest("Kustomization")["resources"])
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "monitoring.yaml"}
    want(listed == files, f"kustomization.yaml and the files differ: {sorted(listed ^ files)}")
    for name, document in documents():
        want(document.get("apiVersion") and document.get("kind"), f"{name}: no apiVersion or kind")
        if document["kind"] not in ("Kustomization", "Namespace"):
            want(document["metadata"].get("namespace") == "breachd", f"{name}: namespace")


@check
def pods_are_locked_down():
    pod = manifest("StatefulSet")["spec"]["template"]["spec"]
    want(pod["automountServiceAccountToken"] is False, "the pod mounts a token")
    want(manifest("ServiceAccount")["automountServiceAccountToken"] is False, "the account mounts a token")
    own = pod["securityContext"]
    want(own["runAsNonRoot"] is True and own["runAsUser"] == 65532, "runs as root")
    want(own["seccompProfile"] == {"type": "RuntimeDefault"}, "no seccomp profile")
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        want(not pod.get(key), key)
    for container in pod["containers"]:
        context = container["securityContext"]
        want(context["allowPrivilegeEscalation"] is False and context["privileged"] is False, "privileges")
        want(context["readOnlyRootFilesystem"] is True, "the root file system can be written")
        want(context["capabilities"] == {"drop": ["ALL"]}, "capabilities")
        want({"cpu", "memory"} <= set(container["resources"]["requests"]), "no requests")
        want("memory" in container["resources"]["limits"], "no limit of memory")
        want(not re.search(r":latest$|^[^:@]+$", container["image"]), "the image has no version")
        for variable in container.get("env", []):
            want("secretKeyRef" not in variable.get("valueFrom", {}), "a secret in the environment")
        for mount in container["volumeMounts"]:
            want(mount["readOnly"] is True, f"{mount['mountPath']} can be written")
    labels = manifest("Namespace")["metadata"]["labels"]
    want(labels["pod-security.kubernetes.io/enforce"] == "restricted", "pod security")


@check
def manifests_fit_together():
    stateful = manifest("StatefulSet")["spec"]
    labels = stateful["template"]["metadata"]["labels"]
    pod = stateful["template"]["spec"]
    container = pod["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    want(ports == {"http": 8420}, "ports")
    selectors = [
        stateful["selector"]["matchLabels"],
        manifest("Service")["spec"]["selector"],
        manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    want(all(selector == labels for selector in selectors), "a selector does not select the pods")
    want(manifest("ServiceMonitor")["spec"]["selector"]["matchLabels"] == manifest("Service")["metadata"]["labels"], "monitor")
    want(stateful["serviceName"] == manifest("Service")["metadata"]["name"], "serviceName")
    want(pod["serviceAccountName"] == manifest("ServiceAccount")["metadata"]["name"], "serviceAccountName")
    paths = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    want({get["path"] for get in paths.values()} == {"/livez", "/readyz"}, "probes")
    want(all(get["port"] in ports for get in paths.values()), "a probe asks another port")
    want({volume["name"] for volume in pod["volumes"]} == {mount["name"] for mount in container["volumeMounts"]}, "volumes")
    config = next(volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume)
    want(config == manifest("ConfigMap")["metadata"]["name"], "the config map's name")
    names = [variable["name"] for variable in container["env"]]
    want(names == ["BREACHD__INSTANCE"], f"environment: {names}")
    want(pod["terminationGracePeriodSeconds"] > 30, "a stop may take 30 s to send what waits")
    want(set(manifest("NetworkPolicy")["spec"]["policyTypes"]) == {"Ingress", "Egress"}, "network policy")


@check
def secrets_in_the_manifests_are_mounted_files():
    pod = manifest("StatefulSet")["spec"]["template"]["spec"]
    mounts = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
    want("Secret" not in {document["kind"] for _, document in documents()}, "a secret lies in the repository")
    named = re.findall(r'_file = "([^"]+)"', manifest("ConfigMap")["data"]["breachd.toml"])
    want(named, "the configuration names no secret")
    for path in named:
        want(any(path.startswith(mount + "/") for mount in mounts), f"{path} is not mounted")


@check
def breachd_accepts_the_configuration_in_the_manifests():
    files = manifest("ConfigMap")["data"]
    tomllib.loads(files["breachd.toml"])
    if BINARY is None:
        raise SkipTest("no breachd binary")
    with tempfile.TemporaryDirectory() as folder:
        text = files["breachd.toml"].replace("/etc/breachd/", f"{folder}/").replace("/run/secrets/breachd/", f"{folder}/")
        for secret in re.findall(rf'"{re.escape(folder)}/([^"]+)"', text):
            (Path(folder) / secret).write_text("a-secret-for-the-check-only-0123456789\n")
        for name, content in files.items():
            (Path(folder) / name).write_text(content)
        (Path(folder) / "breachd.toml").write_text(text)
        run(BINARY, "check", "--config", Path(folder) / "breachd.toml")


@check
def the_image_runs_as_nobody():
    text = CONTAINERFILE.read_text()
    last = text[text.rindex("\nFROM ") :]
    want("\nUSER 65532:65532\n" in last, "USER")
    want('ENTRYPOINT ["/usr/bin/breachd"]' in last, "ENTRYPOINT")
    want(not re.search(r"^FROM \S+:latest|^FROM [^:\s]+ AS", text, re.M), "a base image without a version")
    want("--locked" in text, "built without the lock file")


# --- the run --------------------------------------------------------------------------------------


class SkipTest(Exception):
    pass


def main():
    failed = skipped = 0
    for function in checks:
        name = function.__name__.replace("_", " ")
        try:
            function()
        except SkipTest as reason:
            skipped += 1
            print(f"skipped: {name}: {reason}")
        except (AssertionError, KeyError, OSError, ValueError, yaml.YAMLError) as error:
            failed += 1
            print(f"FAILED: {name}\n  {type(error).__name__}: {error}")
    passed = len(checks) - failed - skipped
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


BINARY = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 and os.access(sys.argv[1], os.X_OK) else None

if __name__ == "__main__":
    sys.exit(main())
