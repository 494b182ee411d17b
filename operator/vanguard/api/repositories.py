"""The repositories file: which git repositories may be written to, for whom. Secrets stand in files named here."""

from pathlib import PurePosixPath
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from vanguard.api.base import Model, Name

# No user or password in it: they would reach logs. file:// and absolute paths are for mounted repositories.
GitUrl = Annotated[str, Field(max_length=2048, pattern=r"^(https?://[^\s/@]+(/[^\s@]*)?|file:///[^\s]*|/[^\s]*)$")]
Branch = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_]([A-Za-z0-9._/-]*[A-Za-z0-9_-])?$")]


def _absolute(path: str) -> str:
    if not PurePosixPath(path).is_absolute():
        raise ValueError("must be an absolute path")
    return path


FilePath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_absolute)]


def inside(path: str, prefix: str = "") -> bool:
    """Whether a path names a file in a repository, below a prefix: relative, and without a step up or into .git."""
    parts = path.split("/")
    plain = not any(part in {"", ".", ".."} or part.lower() == ".git" or "\\" in part for part in parts)
    wanted = prefix.strip("/").split("/") if prefix.strip("/") else []
    return plain and parts[: len(wanted)] == wanted and len(parts) > len(wanted)


def _relative(path: str) -> str:
    if path.strip("/") and not inside(path.strip("/")):
        raise ValueError("must be a path inside the repository, without .. and .git")
    return path.strip("/")


Folder = Annotated[str, Field(max_length=512), AfterValidator(_relative)]


class RepositorySpec(Model):
    """One repository: where it is, who the operator is there, and whose changes may be written into which part."""

    name: Name
    url: GitUrl
    branch: Branch = "main"
    username_file: FilePath | None = None
    token_file: FilePath | None = None
    ca_file: FilePath | None = None
    namespaces: Annotated[
        frozenset[Name], Field(max_length=1000, description="Whose policies may name it. Empty: nobody's.")
    ] = frozenset()
    path_prefix: Annotated[Folder, Field(description="The only part of it that policies may name.")] = ""

    @model_validator(mode="after")
    def _fits_its_url(self) -> Self:
        needless = [
            wire
            for wire, given in (
                ("usernameFile", self.username_file),
                ("tokenFile", self.token_file),
                ("caFile", self.ca_file),
            )
            if given is not None and not self.url.startswith("http")
        ]
        if needless:
            raise ValueError(f"repository {self.name}: a local url has no use for {', '.join(needless)}")
        if self.username_file is not None and self.token_file is None:
            raise ValueError(f"repository {self.name}: usernameFile needs tokenFile")
        return self


class AuditSpec(Model):
    """Where what was done is written down."""

    repository: Name
    path: Folder = "interventions"


class RepositoriesFile(Model):
    """The whole file."""

    repositories: Annotated[tuple[RepositorySpec, ...], Field(max_length=16)] = ()
    audit: AuditSpec | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [repository.name for repository in self.repositories]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"several repositories are named {', '.join(twice)}: names must differ")
        if self.audit is not None and self.audit.repository not in names:
            raise ValueError(f"audit.repository is {self.audit.repository!r}; repositories are {', '.join(names)}")
        return self
