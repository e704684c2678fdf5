"""Take credentials out of what is written down.

Names tell (``api_key``, ``DB_PASSWORD``) and places tell (``user:here@host``, ``?token=``).
Masking replaces, it never drops: a reader still sees that there was something.
"""

# ruff: noqa: SIM905 - a list of words is read as a text, not as a column of quotes
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote


if TYPE_CHECKING:
    from pathlib import Path


MASK = "***"
_LARGEST_WHOLE_BYTES = 64 * 1024 * 1024

_T = TypeVar("_T")

_SECRET_WORDS = frozenset(
    "password passwords passwd pwd passphrase secret secrets credential credentials "
    "authorization apikey apikeys webhook".split()
)
_PASSWORD_WORDS = frozenset({"password", "passwords", "passwd", "pwd", "passphrase"})
_SECRET_PAIRS = frozenset(
    (first, second)
    for first in "api access private secret signing encryption account ssh".split()
    for second in ("key", "keys")
)
_TOKENS = frozenset({"token", "tokens", "pat"})
# Words before ``token`` that make it a symbol of a vocabulary, not a credential.
_VOCABULARY = frozenset(
    "max min n num number total pad padding eos bos unk mask cls sep special start end "
    "stop sos image audio prompt next per first last class extra new oov blank".split()
)
_TOKEN_OWNERS = frozenset("api auth access bearer refresh session secret".split())
_NOT_PASS = frozenset("n num max min one two single multi forward backward".split())
# What ends a name that only speaks about a secret: ``password_length``, ``token_count``.
_ABOUT = frozenset("length len size count limit type id ids policy min max".split())
_HIDDEN_QUERY = frozenset(
    "sig signature key pass auth sas se_sig sharedaccesssignature code_verifier".split()
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_NEXT_URI = re.compile(r"([,;|])(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_QUERY = re.compile(r"(?P<head>[?&;#](?P<name>[\w.%-]+)=)(?P<value>[^&#;,)\]}]+)")
_PORT = re.compile(r"[^:]*(?::\d*)?|\[[^\]]*\](?::\d*)?")
_KNOWN_TOKEN = re.compile(
    r"(gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[a-z]-|dapi|AKIA|ASIA|pypi-|npm_|ya29\.)"
)
_LONG_TOKEN = 20
_SHORTEST_SECRET = 6
_PLAIN_VALUES = frozenset(
    "enabled disabled required optional default unknown".split()
)  # values of switches that happen to be called after a secret


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def looks_secret(name: str) -> bool:
    """Return whether a value of this name is to be kept secret.

    ``api_key``, ``DB_PASSWORD``, ``hfToken`` are; ``max_tokens``, ``tokenizer``, ``key``,
    ``token_length``, ``pad_token`` are not.
    """
    words = _words(name)
    if not words:
        return False
    if any(pair in _SECRET_PAIRS for pair in pairwise(words)):
        return True
    if not _SECRET_WORDS.isdisjoint(words) and words[-1] not in _ABOUT:
        return True
    *before, last = words
    if last in _TOKENS:
        if last == "token":
            return _VOCABULARY.isdisjoint(before)
        return not _TOKEN_OWNERS.isdisjoint(before)
    return last == "pass" and bool(before) and _NOT_PASS.isdisjoint(before)


def _looks_like_token(user: str) -> bool:
    return _KNOWN_TOKEN.match(user) is not None or len(user) >= _LONG_TOKEN


def _split_userinfo(rest: str) -> tuple[str, str]:
    """Split what follows ``scheme://`` into its user information and the rest."""
    end = min((rest.find(c) for c in "/?#" if c in rest), default=len(rest))
    authority = rest[:end]
    if "@" in authority:
        cut = authority.rindex("@")
    elif "@" in rest and ":" in authority and not _PORT.fullmatch(authority):
        cut = rest.rindex("@")  # a password with an unescaped slash in it
    else:
        return "", rest
    return rest[:cut], rest[cut:]


def _mask_userinfo(userinfo: str) -> str:
    user, colon, _password = userinfo.partition(":")
    shown = MASK if _looks_like_token(unquote(user)) else user
    return f"{shown}:{MASK}" if colon else shown


def _mask_query(match: re.Match[str]) -> str:
    name = unquote(match["name"])
    hidden = (
        looks_secret(name)
        or name.lower() in _HIDDEN_QUERY
        or name.lower().startswith("x-amz-s")
        or name.lower() == "x-amz-credential"
    )
    return match["head"] + MASK if hidden else match[0]


def _mask_one(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    userinfo, rest = _split_userinfo(rest)
    if userinfo:
        userinfo = _mask_userinfo(userinfo)
    return f"{scheme}{separator}{userinfo}{_QUERY.sub(_mask_query, rest)}"


def mask_uri(uri: str) -> str:
    """Mask the credentials of every URI in a text; all else stays as it is.

    Passwords and tokens before the ``@``, and secret query parameters, become ``***``.
    """
    if "://" not in uri:
        return uri

    def mask(match: re.Match[str]) -> str:
        # A list of URIs such as ``kafka://u:p@a,kafka://u:p@b`` is matched as one.
        return "".join(
            _mask_one(part) if "://" in part else part
            for part in _NEXT_URI.split(match[0])
        )

    return _URI.sub(mask, uri)


def without_credentials(uri: str) -> str:
    """Return a URI without user and password, such that it can be used by others.

    The user of an SSH address (``ssh://git@host``) is part of the address and stays.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri
    userinfo, rest = _split_userinfo(rest)
    if not userinfo:
        return uri
    user = userinfo.partition(":")[0]
    if "ssh" in scheme.lower() and not _looks_like_token(user):
        return f"{scheme}://{user}{rest}"
    return f"{scheme}://{rest.removeprefix('@')}"


def mask_mapping(mapping: Mapping[str, _T]) -> dict[str, Any]:
    """Return a copy of a nested document with its secrets masked.

    Strings below a secret-looking name are masked whole, in any other string the
    credentials of URIs.
    """
    return {key: _mask_value(str(key), value) for key, value in mapping.items()}


def _mask_value(name: str, value: object) -> object:
    if looks_secret(name):
        is_password = not _PASSWORD_WORDS.isdisjoint(_words(name))
        return _mask_all(value, numbers=is_password)
    return _mask_inside(value)


def _mask_inside(value: object) -> object:
    if isinstance(value, str):
        return mask_uri(value)
    if isinstance(value, Mapping):
        return mask_mapping(value)
    if isinstance(value, list | tuple):
        return [_mask_inside(item) for item in value]
    return value


def _mask_all(value: object, *, numbers: bool) -> object:
    if isinstance(value, str):
        return MASK if value else value
    if isinstance(value, Mapping):
        return {key: _mask_all(item, numbers=numbers) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask_all(item, numbers=numbers) for item in value]
    # YAML reads ``password: 123456`` as a number.
    if numbers and isinstance(value, int | float) and not isinstance(value, bool):
        return MASK
    return value


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """Replace every occurrence of the secrets in a text, percent-encoded ones too."""
    spellings = {
        form for secret in secrets for form in (secret, quote(secret, safe=""))
    }
    for spelling in sorted(spellings, key=len, reverse=True):
        if spelling:
            text = text.replace(spelling, MASK)
    return text


def copy_masked(source: Path, target: Path, secrets: Iterable[str]) -> None:
    """Copy a text without the secrets; one of many megabytes line by line."""
    options = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    with (
        source.open(**options) as read,  # type: ignore[call-overload]
        target.open("w", **options) as write,  # type: ignore[call-overload]
    ):
        if source.stat().st_size <= _LARGEST_WHOLE_BYTES:
            write.write(mask_text(read.read(), secrets))
        else:
            write.writelines(mask_text(line, secrets) for line in read)


def known_secrets(environ: Mapping[str, str]) -> set[str]:
    """Return the values of the environment that no text of a record may hold.

    These are values of secret-looking variables and passwords within URIs, of at least six
    characters: shorter ones would be found by chance in any text.
    """
    found: set[str] = set()
    for name, value in environ.items():
        # PWD is the working directory, in spite of its name.
        named = looks_secret(name) and name not in {"PWD", "OLDPWD"}
        if named and value.lower() not in _PLAIN_VALUES:
            found.add(value)
        if "://" in value:
            for match in _URI.finditer(value):
                userinfo, _ = _split_userinfo(match[0].partition("://")[2])
                password = userinfo.partition(":")[2]
                found |= {password, unquote(password)}
    return {value for value in found if len(value) >= _SHORTEST_SECRET}
