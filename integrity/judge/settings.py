"""Where the judge's settings come from: defaults, pyproject.toml, the policy file, the environment.

Each overrules the one before; the command line overrules them all. A pyproject.toml may lie beside
hostile code, so it can't say where the key is sent or which variable holds it.
"""

import os
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from integrity.errors import BadInput
from integrity.testimony import Asking, JudgeSettings

NOT_IN_A_FILE = {"asking", "neighbours"}
NOT_IN_PYPROJECT = {"base_url", "api_key_env", "cache"}
APIS = {"", "responses", "chat", "plain"}
MAX_VOTES = 9

HOW = "set OPENAI_API_KEY and INTEGRITY_JUDGE_MODEL to enable it (docs/judge.md)"


def load(policy: Path | None = None, folder: Path | None = None) -> JudgeSettings:
    """The settings of this machine and this policy.

    Args:
        policy: a policy file, whose `[judge]` table is read.
        folder: whose pyproject.toml is read; None for the working directory.

    Raises:
        BadInput: an unknown key, a wrong type, or a value out of range.
    """
    settings = JudgeSettings()
    project = (folder or Path.cwd()) / "pyproject.toml"
    table = _table(project).get("tool", {}).get("integrity", {}).get("judge", {})
    settings = _with(settings, table, str(project), NOT_IN_PYPROJECT)
    if policy is not None:
        settings = _with(settings, _table(policy).get("judge", {}), str(policy), set())
    return _from_environment(settings)


def unasked(settings: JudgeSettings) -> str:
    """Why there is nobody to ask; empty where there is."""
    if not os.environ.get(settings.api_key_env):
        return f"no key: {HOW.replace('OPENAI_API_KEY', settings.api_key_env)}"
    if not settings.models:
        return f"no model named: {HOW.replace('OPENAI_API_KEY', settings.api_key_env)}"
    if not allowed_models(settings):
        return f"{settings.written_by} wrote the submission, and no other model is named"
    from importlib.util import find_spec

    missing = [name for name in ("openai", "tenacity") if find_spec(name) is None]
    if missing:
        return "openai is not installed: pip install 'kernel-integrity[judge]'"
    return ""


def allowed_models(settings: JudgeSettings) -> tuple[str, ...]:
    """Those that did not write the submission."""
    own = settings.written_by.strip().casefold()
    return tuple(model for model in settings.models if model.strip().casefold() != own)


def checked(settings: JudgeSettings) -> JudgeSettings:
    """The settings, once they are complete.

    Raises:
        BadInput: the judge is to be asked and can't be, or a value is out of range.
    """
    if settings.asking is Asking.ON and (reason := unasked(settings)):
        raise BadInput(f"--judge on: {reason}")
    prices = (settings.usd_per_million_in, settings.usd_per_million_out)
    if settings.budget_usd is not None and None in prices:
        raise BadInput(
            "a budget needs the model's prices: usd_per_million_in and usd_per_million_out in the "
            "[judge] table (docs/judge.md)"
        )
    return settings


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} can't be read as TOML: {error}") from error


def _with(settings: JudgeSettings, table: Any, place: str, refused: set[str]) -> JudgeSettings:
    if not isinstance(table, dict):
        raise BadInput(f"{place}: the judge's settings are a table; see docs/judge.md")
    known = {field.name for field in fields(JudgeSettings)} - NOT_IN_A_FILE
    for name, value in table.items():
        if name not in known:
            raise BadInput(f"{place}: unknown key {name!r}; known: {', '.join(sorted(known))}")
        if name in refused:
            raise BadInput(
                f"{place}: {name} is not read from there, since it may lie beside hostile code; "
                "put it into the policy file or the environment"
            )
        settings = replace(settings, **{name: _value(name, value, place)})
    return settings


def _value(name: str, value: Any, place: str) -> Any:
    problem = ""
    if name == "models":
        if isinstance(value, list) and all(isinstance(one, str) and one for one in value):
            return tuple(value)
        problem = "a list of names"
    elif name in {"votes", "max_tokens"}:
        most = MAX_VOTES if name == "votes" else 10**6
        problem = "" if type(value) is int and 0 < value <= most else f"1 to {most}"
    elif name == "show_claim":
        problem = "" if isinstance(value, bool) else "true or false"
    elif name in {"base_url", "api", "api_key_env", "cache", "written_by"}:
        problem = "" if isinstance(value, str) else "a text"
        if not problem and name == "base_url":
            return endpoint(value, place)
        if not problem and name == "api" and value not in APIS:
            problem = "responses, chat or plain"
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and 0 <= value < 10**9 and (value > 0 or name != "timeout_s"):
            return float(value)
        problem = "a number from 0"
    if problem:
        raise BadInput(f"{place}: {name} is {problem}, not {value!r}")
    return value


def endpoint(url: str, place: str) -> str:
    """A base URL that holds no secret, since it is recorded.

    Raises:
        BadInput: not http or https, or with a user, a password, a query or a fragment.
    """
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise BadInput(f"{place}: base_url is an http or https address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            f"{place}: base_url may hold no user, password or query, since it is recorded"
        )
    return url


def _from_environment(settings: JudgeSettings) -> JudgeSettings:
    if url := os.environ.get("OPENAI_BASE_URL"):
        settings = replace(settings, base_url=endpoint(url, "OPENAI_BASE_URL"))
    if named := os.environ.get("INTEGRITY_JUDGE_MODEL"):
        models = tuple(name.strip() for name in named.split(",") if name.strip())
        settings = replace(settings, models=models)
    return settings
