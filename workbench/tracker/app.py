"""A GitHub App as who we are: its id and private key, from the environment or the keyring. They are kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.errors import ConfigurationError
from workbench.tracker.token import KEYRING_SERVICE, of_keyring, web_host

ID_VARIABLE, KEY_VARIABLE = "GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY"


@dataclass(frozen=True)
class App:
    """The id of an App, and its private key as PEM (never shown)."""

    id: str
    key: str = field(repr=False)


def find(base_url: str, environ: Mapping[str, str]) -> App | None:
    """Return the App that `GITHUB_APP_ID` names, or None where it names none.

    Raises `ConfigurationError` for an id that is none, and where the private key is missing or no key.
    """
    app_id = environ.get(ID_VARIABLE, "").strip()
    if not app_id:
        return None
    if not app_id.isascii() or not app_id.isalnum():
        raise ConfigurationError(f"{ID_VARIABLE} is not the id of an App.", cure="Copy its App ID or client id.")
    host = web_host(base_url)
    # Variables of many systems hold one line only: there the key is written with \n.
    key = environ.get(KEY_VARIABLE, "").replace("\\n", "\n").strip() or of_keyring(f"{host} app {app_id}")
    if not key:
        raise ConfigurationError(
            f"{ID_VARIABLE} is set, but there is no private key for the App.",
            cure=f"Put it into {KEY_VARIABLE}, or into the keyring ({KEYRING_SERVICE}, {host} app {app_id}).",
        )
    if not key.startswith("-----BEGIN ") or "PRIVATE KEY-----" not in key:
        raise ConfigurationError(
            f"{KEY_VARIABLE} is not a private key.", cure="Copy the whole .pem file of the App, with its first line."
        )
    return App(app_id, key + "\n")
