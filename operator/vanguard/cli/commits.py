"""From a commit to the Intervention it was made for."""

import re

import click

from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.errors import Forbidden, Invalid, NotFound
from vanguard.reconcilers import reading


class Sha(click.ParamType[str]):
    """A commit's sha, or the beginning of one."""

    name = "sha"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read one; click says what is wrong with it otherwise."""
        text = str(value).lower()
        if not re.fullmatch(r"[0-9a-f]{7,64}", text):
            self.fail(f"{value!r} must be 7 to 64 hexadecimal digits", param, ctx)
        return text


async def whose(cluster: KubernetesCluster, namespace: str, sha: str) -> tuple[str, str]:
    """Namespace and name of the Intervention a commit was made for.

    Looked for in all namespaces, or, where the person may not list those, in theirs.

    Raises:
        NotFound: when there is none.
        Invalid: when the digits are the beginning of commits for several.
    """
    try:
        known, where = await reading.interventions(cluster), "in any namespace"
    except Forbidden:
        known, where = await reading.interventions(cluster, namespace), f"in namespace {namespace} (see -n)"
    found = sorted(
        (iv.metadata.namespace, iv.metadata.name)
        for iv in known
        if any(record.sha.startswith(sha) for record in iv.status.commits)
    )
    if not found:
        raise NotFound(f"commit {sha} belongs to no Intervention {where}")
    if len(found) > 1:
        names = ", ".join("/".join(one) for one in found[:5])
        raise Invalid(f"commit {sha} is ambiguous: {names}; give more digits")
    return found[0]
