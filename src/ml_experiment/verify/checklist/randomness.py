"""Randomness that no seed controls: the operating system's, the clock's, other threads'."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.functions import called_function, returned
from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.values import (
    constant,
    last_name,
    sources,
)


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

_ENTROPY = frozenset(
    {
        *("os.urandom", "os.getrandom", "random.SystemRandom", "random.urandom"),
        *("uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7", "uuid.uuid8"),
        *("torch.seed", "torch.random.seed", "torch.cuda.seed", "torch.cuda.seed_all"),
        "tensorflow.random.Generator.from_non_deterministic_state",
        *("Crypto.Random.get_random_bytes", "Crypto.Random.random.randint"),
    }
)
_NOT_RANDOM = frozenset({"secrets.compare_digest"})
_CLOCKS = frozenset(
    {
        *("time.time", "time.time_ns", "time.perf_counter", "time.perf_counter_ns"),
        *("time.monotonic", "time.monotonic_ns", "time.process_time", "time.clock"),
        *("datetime.datetime.now", "datetime.datetime.utcnow", "time.strftime"),
        *("datetime.datetime.today", "datetime.date.today", "time.localtime"),
        *("os.getpid", "os.getppid", "builtins.id", "threading.get_ident"),
        *(
            "multiprocessing.current_process",
            "socket.gethostname",
            "pandas.Timestamp.now",
        ),
    }
)
_SEEDERS = re.compile(
    r"(random\.(seed|Random)"
    r"|numpy\.random\.(seed|default_rng|RandomState|SeedSequence|PCG64|PCG64DXSM"
    r"|MT19937|Philox|SFC64)"
    r"|torch\.(random\.)?manual_seed|torch\.cuda\.manual_seed(_all)?"
    r"|tensorflow\.random\.set_seed|tensorflow\.set_random_seed"
    r"|(tensorflow\.)?keras\.utils\.set_random_seed"
    r"|jax\.random\.(PRNGKey|key)|cupy\.random\.seed|mxnet\.random\.seed"
    r"|(pytorch_lightning|lightning)\.(.*\.)?seed_everything"
    r"|transformers\.(.*\.)?set_seed|accelerate\.(.*\.)?set_seed)"
)
_OWN_SEEDER = re.compile(
    r"manual_seed|((set|init|fix|reset)_)?((global|random|all|the)_)*seeds?(_everything|_all)?"
    r"|set_random_state|setup_seed|seed_torch|seedEverything",
    re.IGNORECASE,
)
_SEED_NAME = re.compile(
    r"(random_|rng_|np_|torch_)?(seed|random_state)s?", re.IGNORECASE
)

_DEEPEST = 3  # names of names, and functions that call functions


def entropy_of_the_system(module: Module, project: Project) -> Iterator[Finding]:
    """Find what asks the operating system for random numbers."""
    del project
    for node, name in module.references:
        secret = name.startswith("secrets.") and name not in _NOT_RANDOM
        if name in _ENTROPY or secret:
            yield at(
                module,
                node,
                "os-entropy",
                f"{name} takes its randomness from the operating system: no seed "
                "controls it",
                _entropy_fix(name),
            )
    for call, _ in module.calls:
        if call.args and _is_random_device(module, call.args[0]):
            yield at(
                module,
                call,
                "os-entropy",
                "the operating system's random numbers are read: no seed controls them",
                _entropy_fix(""),
            )


def _is_random_device(module: Module, node: ast.expr) -> bool:
    return constant(module, node) in {"/dev/urandom", "/dev/random"}


def _entropy_fix(name: str) -> str:
    if name.startswith("uuid."):
        return (
            "uuid.UUID(int=random.getrandbits(128), version=4) follows the run's seed"
        )
    if name.startswith(("torch.", "tensorflow.")):
        return "give it a seed, or leave it out: the run's seed is set already"
    return "draw from random or numpy.random: the run's seed controls both"


def seeds_from_clocks(module: Module, project: Project) -> Iterator[Finding]:
    """Find generators whose seed is the time, a process number or an address."""
    del project
    reported: set[int] = set()
    for call, name in module.calls:
        given = _seeds_given(call, name)
        for value in given:
            clock = _clock_in(module, value)
            if clock is not None and call.lineno not in reported:
                reported.add(call.lineno)
                yield _clock_finding(module, call, clock)
    for node in module.nodes:
        for value in _seeds_in_table(node):
            clock = _clock_in(module, value)
            if clock is not None and value.lineno not in reported:
                reported.add(value.lineno)
                yield _clock_finding(module, value, clock)
    for node in module.nodes:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not any(_is_seed_name(target) for target in targets):
            continue
        clock = _clock_in(module, node.value)
        used = [target.id for target in targets if isinstance(target, ast.Name)]
        if clock is None or reported & {node.lineno, *_lines_of_seeding(module, used)}:
            continue
        reported.add(node.lineno)
        yield _clock_finding(module, node, clock)


def _lines_of_seeding(module: Module, names: list[str]) -> set[int]:
    """Return the lines of calls, and of tables, that take one of these names."""
    return {
        line
        for holder in module.nodes
        if isinstance(holder, (ast.Call, ast.Dict))
        for node in ast.walk(holder)
        if isinstance(node, ast.Name) and node.id in names
        for line in (holder.lineno, node.lineno)
    }


def _clock_finding(module: Module, node: ast.AST, clock: str) -> Finding:
    return at(
        module,
        node,
        "time-seed",
        f"a seed is made of {clock.removeprefix('builtins.')}(), which is another one "
        "each time",
        "leave the seed out: the run's seed is used, and recorded; or write a number",
    )


def _seeds_given(call: ast.Call, name: str) -> Iterator[ast.expr]:
    # The last: a function of the user's own, or a method of a generator.
    is_seeder = bool(_SEEDERS.fullmatch(name) or _OWN_SEEDER.fullmatch(last_name(call)))
    if is_seeder:
        yield from call.args
    for each in call.keywords:
        if is_seeder or (each.arg is not None and _SEED_NAME.fullmatch(each.arg)):
            yield each.value


def _seeds_in_table(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what a table of parameters has as a seed: ``{"seed": ...}``."""
    if not isinstance(node, ast.Dict):
        return
    for key, value in zip(node.keys, node.values, strict=True):
        if _is_seed_text(key):
            yield value


def _is_seed_text(node: ast.expr | None) -> bool:
    match node:
        case ast.Constant(value=str() as text):
            return _SEED_NAME.fullmatch(text) is not None
        case _:
            return False


def _is_seed_name(target: ast.expr) -> bool:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _SEED_NAME.fullmatch(name) is not None
        case ast.Subscript(slice=key):
            return _is_seed_text(key)
        case _:
            return False


def _clock_in(module: Module, node: ast.expr, depth: int = 0) -> str | None:
    """Return the clock that a value is made of, also by way of names and functions."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            name = module.resolve(each.func)
            if name in _CLOCKS:
                return name
        for origin in _origins(module, each) if depth < _DEEPEST else ():
            clock = None if origin is node else _clock_in(module, origin, depth + 1)
            if clock is not None:
                return clock
    return None


def _origins(module: Module, node: ast.AST) -> list[ast.expr]:
    """Return what a name stands for, or a function of the same file gives back."""
    if isinstance(node, ast.Call):
        function = called_function(module, node)
        return [] if function is None else returned(module, function)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        found = list(sources(module, node, node.id))
        return found if len(found) == 1 else []
    return []


def time_budgets(module: Module, project: Project) -> Iterator[Finding]:
    """Find loops that end when a time is over."""
    del project
    for node in module.nodes:
        if not isinstance(node, (ast.While, ast.If)):
            continue
        if not isinstance(node.test, (ast.Compare, ast.BoolOp)):
            continue
        ends = isinstance(node, ast.While) or any(
            isinstance(each, ast.Break) for each in node.body
        )
        clock = _clock_in(module, node.test) if ends else None
        if clock is not None and clock.startswith(("time.", "datetime.")):
            yield at(
                module,
                node,
                "time-limit",
                f"a loop ends by the clock ({clock}): a slower machine does less in it",
                "bound the work instead: epochs, rounds, rows",
            )


CHECKS = (entropy_of_the_system, seeds_from_clocks, time_budgets)
