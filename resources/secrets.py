"""Keys and passwords: read from the environment when they are used, never part of a setting.

Dagster keeps every setting: on the resource's page, as the launchpad's default, in the snapshot of the repository and in the
configuration of each run. So a key is no field of any resource. A resource calls ``Secret.read`` at the moment it opens the
service, and ``hidden`` takes keys and passwords out of whatever a server says before it is logged, raised or stored. A new
service with a key adds its variable here.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Pydantic is imported where a key is read, so that what needs none need not wait for it
    from pydantic import SecretStr

_SHOWN = "***"
# user:password@ in an address; the password of a libpq connection string.
_USER_INFO = re.compile(r"(?<=://)[^/@\s'\"]+(?=@)")
_PASSWORD = re.compile(r"(\b(?:ssl)?password\s*=\s*)('[^']*'|[^\s'\"]+)", re.IGNORECASE)
# A key in the query of an address.
_IN_QUERY = re.compile(r"(?<=[?&])((?:api[-_]?)?key|(?:access[-_]?)?token|secret|signature|sig)=[^&\s'\"]+", re.IGNORECASE)


@dataclass(frozen=True)
class Secret:
    """The environment variable that holds a key, and what the key opens."""

    variable: str
    description: str

    def read(self, environment: Mapping[str, str] = os.environ) -> SecretStr | None:
        """The key as it is set now; None if it is not."""
        from pydantic import SecretStr

        value = environment.get(self.variable, "").strip()
        return SecretStr(value) if value else None


TEACHER_KEY = Secret("OCR_TEACHER_KEY", "Key of the teacher's server; `basic:user:password` for HTTP basic authentication")
JUDGE_KEY = Secret("OCR_JUDGE_KEY", "Key of the judges' server; `basic:user:password` for HTTP basic authentication")
EVALUATED_KEY = Secret(
    "OCR_EVALUATED_KEY", "Key of the server of models under evaluation; `basic:user:password` for HTTP basic authentication"
)
ANNOTATOR_KEY = Secret("OCR_ANNOTATOR_KEY", "Key of the annotator's server; `basic:user:password` for HTTP basic authentication")
CRITIC_KEY = Secret("OCR_CRITIC_KEY", "Key of the critic's server; `basic:user:password` for HTTP basic authentication")
LIST_KEY = Secret(
    "OCR_ENDPOINTS_KEY",
    "Key of the server that sends a list of endpoints (`list:https://…`); `basic:user:password` for HTTP basic authentication",
)
OPENLINEAGE_KEY = Secret(
    "OCR_OPENLINEAGE_KEY", "Key of the server that OpenLineage events go to; `basic:user:password` for HTTP basic authentication"
)
SERVE_TOKEN = Secret(
    "OCR_SERVE_TOKEN", "Token that requests to `ocr-assets serve` have to show; needed where others than this machine reach it"
)
SECRETS = (TEACHER_KEY, JUDGE_KEY, EVALUATED_KEY, ANNOTATOR_KEY, CRITIC_KEY, LIST_KEY, OPENLINEAGE_KEY, SERVE_TOKEN)


def authorization(key: SecretStr | None) -> str:
    """The value of the HTTP header ``Authorization`` for a key. Servers without keys get one that says nothing."""
    value = key.get_secret_value() if key is not None else "none"
    scheme, _, credentials = value.partition(":")
    if scheme == "basic" and ":" in credentials:
        return "Basic " + base64.b64encode(credentials.encode()).decode()
    return f"Bearer {value}"


def has_password(text: str) -> bool:
    """Whether ``text`` holds ``user:password@`` or ``?key=`` in an address or ``password=`` of a database connection."""
    return any(pattern.search(text) for pattern in (_USER_INFO, _PASSWORD, _IN_QUERY))


def hidden(text: str, keys: Iterable[SecretStr | None] = ()) -> str:
    """``text`` with these keys and every password in an address or a database connection replaced by ``***``."""
    for key in keys:
        if key is not None:
            value = key.get_secret_value()
            sent = authorization(key).partition(" ")[2]
            for written in sorted({value, sent, value.removeprefix("basic:"), value.rpartition(":")[2]}, key=len, reverse=True):
                if len(written) > 3:  # shorter ones are no keys, and would black out ordinary words
                    text = text.replace(written, _SHOWN)
    return _IN_QUERY.sub(rf"\1={_SHOWN}", _PASSWORD.sub(rf"\1{_SHOWN}", _USER_INFO.sub(_SHOWN, text)))
