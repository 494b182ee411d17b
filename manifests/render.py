# ruff: noqa: INP001 - a script beside what it writes, not a package
"""Render manifests/install.yaml from the chart, so that there is one source for both ways to install.

Promise: the file is the chart with its default values and CRDs, preceded by its namespace, without the
labels that would claim that Helm keeps it. `--check` writes nothing and exits 1 if the file is out of date.
"""

import difflib
import os
import re
import shutil
import subprocess
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "vanguard"
INSTALL = ROOT / "manifests" / "install.yaml"
NAMESPACE = "vanguard-system"

PREAMBLE = f"""\
# Made from charts/vanguard by `python manifests/render.py`. Do not edit: change the chart and render again.
# Install: kubectl apply --server-side -f install.yaml
---
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    app.kubernetes.io/name: vanguard
    app.kubernetes.io/part-of: vanguard
    pod-security.kubernetes.io/enforce: restricted
"""

# Helm adopts, upgrades and deletes by these; what is applied by kubectl must not carry them.
HELMS_OWN = re.compile(r"^ +(app\.kubernetes\.io/managed-by: Helm|helm\.sh/chart: .*)\n", re.MULTILINE)
MARGINS = re.compile(r"\n+---\n")


def find_helm() -> str:
    """The helm to run: $HELM if it is set, else the one on PATH."""
    wanted = os.environ.get("HELM", "helm")
    found = shutil.which(wanted)
    if found is None:
        raise click.ClickException(
            f"cannot render the chart: no program {wanted!r}. Put helm on PATH, or its path into HELM."
        )
    return found


def render(helm: str) -> str:
    """What install.yaml should hold."""
    command = [helm, "template", "vanguard", str(CHART), "--namespace", NAMESPACE, "--include-crds"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    if done.returncode != 0:
        raise click.ClickException(f"helm could not render {CHART}:\n{done.stderr.strip()}")
    return MARGINS.sub("\n---\n", PREAMBLE + HELMS_OWN.sub("", done.stdout)).rstrip() + "\n"


def drift(present: str, wanted: str) -> str:
    """The difference as a unified diff; empty if there is none."""
    lines = difflib.unified_diff(
        present.splitlines(keepends=True), wanted.splitlines(keepends=True), "install.yaml", "the chart"
    )
    return "".join(lines)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if install.yaml is out of date.")
def main(*, check: bool) -> None:
    """Write manifests/install.yaml from charts/vanguard."""
    wanted = render(find_helm())
    present = INSTALL.read_text() if INSTALL.exists() else ""
    if present == wanted:
        click.echo("manifests/install.yaml is what the chart gives.")
    elif check:
        click.echo(drift(present, wanted), nl=False)
        raise click.ClickException(
            "manifests/install.yaml is not what the chart gives. Run: python manifests/render.py"
        )
    else:
        INSTALL.write_text(wanted)
        click.echo("wrote manifests/install.yaml")


if __name__ == "__main__":
    main()
