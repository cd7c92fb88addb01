"""Data files in an object store (``s3://bucket/prefix``): DuckDB's extension for it, the keys, and what goes wrong in one line.

Keys come from the variables that every S3 client reads: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``,
``AWS_REGION``; ``AWS_ENDPOINT_URL`` (or ``AWS_ENDPOINT_URL_S3``) names a server that is not Amazon's. The keys live in the
connection's memory and nowhere else. Which files there are is the catalog's matter (``catalog.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import duckdb

from resources.lake.extensions import CannotOpen, load_extension, quoted

SCHEME = "s3://"
_TRIES = 8  # of a request that got no answer: 0.1 s, twice as long each time, so a server may be gone for 20 seconds


def is_remote(data_path: str | None) -> bool:
    """Whether it is an address and no folder."""
    return data_path is not None and "://" in data_path


def open_store(connection: duckdb.DuckDBPyConnection, data_path: str, environment: Mapping[str, str] = os.environ) -> None:
    """Have ``connection`` read and write below ``data_path``, after a look whether it may.

    Raises ``CannotOpen``: another kind of store, no keys, wrong ones, no such bucket, no server, or the package is missing.
    """
    bucket = data_path.removeprefix(SCHEME).partition("/")[0]
    if not data_path.startswith(SCHEME) or not bucket:
        raise CannotOpen(f"OCR_DATA_PATH={data_path}: give a folder, or s3://bucket/prefix")
    missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not environment.get(name)]
    if missing:
        raise CannotOpen(f"{data_path}: {' and '.join(missing)} must be set in the environment")
    load_extension(connection, "httpfs", extra="s3")
    options = {name: quoted(value) for name, value in _options(bucket, environment).items()}
    try:
        connection.execute(f"CREATE OR REPLACE SECRET lake_store ({', '.join(f'{k} {v}' for k, v in options.items())})")
    except duckdb.Error:
        # DuckDB's message might show what it was given.
        raise CannotOpen(f"{data_path}: the AWS_… variables of the environment cannot be used as they are") from None
    try:
        # A listing of nothing: one request, whatever lies there.
        connection.execute(f"FROM glob({quoted(data_path.rstrip('/') + '/no-such-file-*')})").fetchall()
    except duckdb.Error as error:
        raise CannotOpen(f"{data_path}: {_advice(str(error), bucket, options.get('ENDPOINT', 'Amazon S3'))}") from None
    connection.execute(f"SET http_retries = {_TRIES}")
    connection.execute("SET http_retry_backoff = 2")


def _options(bucket: str, environment: Mapping[str, str]) -> dict[str, str]:
    options = {
        "TYPE": "s3",
        "SCOPE": f"{SCHEME}{bucket}",
        "KEY_ID": environment["AWS_ACCESS_KEY_ID"],
        "SECRET": environment["AWS_SECRET_ACCESS_KEY"],
        "REGION": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1",
    }
    if token := environment.get("AWS_SESSION_TOKEN"):
        options["SESSION_TOKEN"] = token
    if endpoint := environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL"):
        address = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        if "@" in address.netloc or not address.netloc:
            raise CannotOpen("AWS_ENDPOINT_URL: give http://host:port or https://host, without keys")
        # Servers other than Amazon's seldom have a host name for each bucket.
        options |= {"ENDPOINT": address.netloc, "URL_STYLE": "path", "USE_SSL": str(address.scheme == "https").lower()}
    return options


def _advice(message: str, bucket: str, endpoint: str) -> str:
    if "404" in message:
        return f"there is no bucket {bucket} at {endpoint}; make it first"
    if "403" in message or "401" in message:
        return f"{endpoint} refuses these keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) for this bucket"
    if "301" in message or "400" in message:
        return f"{endpoint} does not take the request: is AWS_REGION the bucket's, and AWS_ENDPOINT_URL right?"
    if "connect" in message.lower() or "resolve" in message.lower():
        return f"{endpoint} does not answer; check AWS_ENDPOINT_URL"
    return " ".join(message.split("LINE 1:")[0].split())


__all__ = ["is_remote", "open_store"]
