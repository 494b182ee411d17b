"""Files the operator is given: YAML as a model, read strictly, and secrets, which are never told on."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from vanguard.api.base import Model
from vanguard.errors import SettingsError

Read = TypeVar("Read", bound=Model)

_MOST_BYTES = 100_000
_MOST_SECRET = 4096


# A secret pasted where a file's name belongs, or a field nobody knows, must not reach a log: its value is not told.
_MAY_HOLD_A_SECRET = re.compile("file|url|token|key|secret|password|user", re.IGNORECASE)


def loaded(path: Path | None, model: type[Read]) -> Read:
    """A YAML file as a model; without a file, the model's defaults.

    Raises:
        SettingsError: naming the file, the field, the value and what it should be.
    """
    if path is None:
        return model()
    try:
        text = path.read_text()
        if len(text) > _MOST_BYTES:
            raise SettingsError(f"{path}: {len(text)} characters; at most {_MOST_BYTES}")
        return model.model_validate(yaml.safe_load(text) or {})
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is no YAML: {' '.join(str(error).split())[:300]}") from None
    except ValidationError as error:
        raise SettingsError("; ".join(f"{path}: {_told(problem)}" for problem in error.errors())) from None


def _told(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "value_error" or not where:
        return f"{where}: {problem['msg']}".lstrip(": ")
    if problem["type"] == "extra_forbidden" or _MAY_HOLD_A_SECRET.search(where.rsplit(".", 1)[-1]):
        return f"{where}: {problem['msg']}"
    return f"{where} is {str(problem['input'])[:60]!r}: {problem['msg']}"


def secret(path: str | None) -> str:
    """The present content of a secret's file.

    Raises:
        SettingsError: when it cannot be read or is empty; the text names the file only.
    """
    try:
        text = Path(path or "").read_text().strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if not text or len(text) > _MOST_SECRET or not text.isprintable():
        raise SettingsError(f"{path} should hold one line of 1 to {_MOST_SECRET} characters")
    return text
