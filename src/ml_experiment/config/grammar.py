"""Read distributions from text."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from typing import TYPE_CHECKING

from ml_experiment.config.distributions import (
    DISTRIBUTIONS,
    ParamDistribution,
    Repeat,
)
from ml_experiment.config.literals import literal_value, parse_expression, shown
from ml_experiment.errors import ConfigError, nearest


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FORMS = {
    "range": "range(min, max[, step])",
    "randint": "randint(min, max)",
    "uniform": "uniform(min, max)",
    "loguniform": "loguniform(min, max)",
    "choice": "choice([value, ...])",
    "repeat": "repeat(distribution, times)",
}
_ALLOWED = ", ".join(_FORMS.values())
_CROSS = "\N{MULTIPLICATION SIGN}"


def read_distribution(text: str) -> ParamDistribution:
    """Return the distribution that ``text`` describes; see ``parse_distribution``."""
    if not isinstance(text, str):
        raise ConfigError(f"got {shown(text)}; a distribution is needed: {_ALLOWED}")
    if not text.strip():
        raise ConfigError(f"got no text; a distribution is needed: {_ALLOWED}")
    try:
        node = parse_expression(text)
    except ConfigError:
        if _CROSS in text:
            return _product(*text.rsplit(_CROSS, 1))
        raise _unreadable(text) from None
    return _distribution(node, text)


def is_distribution_name(name: str) -> bool:
    """Say whether ``name`` is that of a distribution, in any case of letters."""
    return name.lower() in _FORMS


def _product(of: str, times: str) -> ParamDistribution:
    return Repeat(read_distribution(of), _times(parse_expression(times), times))


def _unreadable(text: str) -> ConfigError:
    name, opened, rest = text.strip().partition("(")
    if opened and is_distribution_name(name.strip()):
        form = _FORMS[name.strip().lower()]
        if ")" not in rest:
            return ConfigError(
                f"got {shown(text)}, which does not end",
                hint=f'inside [...] or {{...}} put it in quotes: "{form}"',
            )
        return ConfigError(f"got {shown(text)}, which cannot be read; allowed: {form}")
    return ConfigError(f"got {shown(text)}; a distribution is needed: {_ALLOWED}")


def _distribution(node: ast.expr, text: str) -> ParamDistribution:
    match node:
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _call(name, args, keywords, text)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return Repeat(_distribution(left, text), _times(right, text))
        case ast.Name(id=name) if is_distribution_name(name):
            form = _FORMS[name.lower()]
            raise ConfigError(f"got {name} without its values; allowed: {form}")
        case _:
            raise ConfigError(
                f"got {shown(text)}; a distribution is needed: {_ALLOWED}",
                hint="a value that is the same in every trial belongs under `params`",
            )


def _times(node: ast.expr, text: str) -> int | ParamDistribution:
    if isinstance(node, ast.Call):
        return _distribution(node, text)
    return literal_value(node)  # type: ignore[return-value]  # Repeat checks it


def _call(
    name: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword], text: str
) -> ParamDistribution:
    kind = name.lower()
    if kind not in DISTRIBUTIONS:
        near = nearest(kind, _FORMS)
        ask = f"did you mean '{near}'? " if near else ""
        raise ConfigError(f"unknown distribution '{name}'; {ask}allowed: {_ALLOWED}")
    cls = DISTRIBUTIONS[kind]
    fields = [field.name for field in dataclasses.fields(cls)]
    given = _by_name(kind, fields, args, keywords)
    _check_complete(kind, fields, given, cls)
    values: dict[str, object] = {}
    for field, node in given.items():
        values[field] = _argument(kind, field, node, text)
    return cls(**values)


def _by_name(
    kind: str,
    fields: Sequence[str],
    args: Sequence[ast.expr],
    keywords: Sequence[ast.keyword],
) -> dict[str, ast.expr]:
    if len(args) > len(fields):
        one_list = kind == "choice"
        raise ConfigError(
            f"{kind}: got {len(args)} values; allowed: {_FORMS[kind]}",
            hint="put the values into one list: choice(['a', 'b'])"
            if one_list
            else None,
        )
    given = dict(zip(fields, args, strict=False))
    for keyword in keywords:
        if keyword.arg is None or keyword.arg not in fields:
            got = (
                f"**{ast.unparse(keyword.value)}"
                if keyword.arg is None
                else keyword.arg
            )
            raise ConfigError(f"{kind}: unknown name '{got}'; allowed: {_FORMS[kind]}")
        if keyword.arg in given:
            raise ConfigError(
                f"{kind}: got {keyword.arg} twice; allowed: {_FORMS[kind]}"
            )
        given[keyword.arg] = keyword.value
    return given


def _check_complete(
    kind: str,
    fields: Sequence[str],
    given: Mapping[str, ast.expr],
    cls: type[ParamDistribution],
) -> None:
    required = [
        field
        for field, parameter in inspect.signature(cls).parameters.items()
        if parameter.default is parameter.empty
    ]
    missing = [field for field in fields if field in required and field not in given]
    if missing:
        raise ConfigError(
            f"{kind}: {' and '.join(missing)} missing; allowed: {_FORMS[kind]}"
        )


def _argument(kind: str, field: str, node: ast.expr, text: str) -> object:
    if kind == "repeat":
        return _distribution(node, text) if field == "of" else _times(node, text)
    try:
        return literal_value(node)
    except ConfigError as error:
        raise ConfigError(f"{kind}: {error.problem}", hint=error.hint) from None
