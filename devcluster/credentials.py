"""Keys, tokens and kubeconfigs: who may talk to the API server, and how it is recognised.

Identities are static bearer tokens, drawn once per state folder. The server makes its own serving
certificate (leaf and authority in one file); every kubeconfig carries it, so TLS is verified.
"""

import base64
import json
import secrets
import time
from pathlib import Path

from devcluster import layout
from devcluster.errors import NotReadyError

ADMIN = "devcluster:admin"
NODES = "devcluster:kwok"
CONTROLLERS = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"
GROUPS = {ADMIN: "system:masters", NODES: "system:masters", CONTROLLERS: "", SCHEDULER: ""}

# SEC 1 / RFC 5915: the object identifier of the curve P-256, 1.2.840.10045.3.1.7.
_P256 = bytes.fromhex("06082a8648ce3d030107")
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signing_key(state: Path) -> Path:
    """The key ServiceAccount tokens are signed with, made once."""
    path = state / "service-account.key"
    return path if path.exists() else layout.write_secret(path, _new_signing_key())


def _new_signing_key() -> str:
    """An ECDSA P-256 private key, PEM.

    An elliptic-curve key is any number below the order, and Go works out the public half by itself
    (RFC 5915 makes it optional), so neither openssl nor a crypto library is needed for this.
    """
    number = (secrets.randbelow(_P256_ORDER - 1) + 1).to_bytes(32, "big")
    body = b"\x02\x01\x01" + b"\x04\x20" + number + b"\xa0" + bytes([len(_P256)]) + _P256
    encoded = base64.encodebytes(b"\x30" + bytes([len(body)]) + body).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{encoded}-----END EC PRIVATE KEY-----\n"


def token_file(state: Path) -> Path:
    """The API server's list of tokens, made once: token, user, uid, groups."""
    path = state / "tokens.csv"
    if path.exists():
        return path
    lines = [f'{secrets.token_hex(24)},{user},{user},"{group}"' for user, group in GROUPS.items()]
    return layout.write_secret(path, "\n".join(lines) + "\n")


def token_of(state: Path, user: str) -> str:
    """The bearer token of one of the users above."""
    rows = [line.split(",") for line in token_file(state).read_text().splitlines()]
    return next(token for token, name, *_ in rows if name == user)


def wait_for_certificate(path: Path, *, deadline: float) -> str:
    """The serving certificate, once the API server has made it; `deadline` is of time.monotonic."""
    while True:
        content = path.read_text() if path.exists() else ""
        if content.rstrip().endswith("-----END CERTIFICATE-----"):
            return content
        if time.monotonic() > deadline:
            raise NotReadyError(f"kube-apiserver has not written its certificate to {path}.")
        time.sleep(0.02)


def kubeconfig_content(*, server: str, authority: str, token: str, user: str, namespace: str) -> str:
    """A kubeconfig with one context. JSON, which is YAML too."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority.encode()).decode()}
    context = {"cluster": "devcluster", "user": user, "namespace": namespace}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "devcluster",
            "clusters": [{"name": "devcluster", "cluster": cluster}],
            "contexts": [{"name": "devcluster", "context": context}],
            "users": [{"name": user, "user": {"token": token}}],
        },
        indent=2,
    )
