"""Randomness that no seed controls: the operating system's, the clock's, other threads'."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.values import (
    UNKNOWN,
    argument,
    constant,
    is_open,
    keyword,
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
# Libraries with generators of their own that the run's seed does not reach, what seeds
# them, and what draws from them.
UNSEEDED = {
    "cupy": (
        ("cupy.random.seed", "cupy.random.RandomState", "cupy.random.default_rng"),
        ("cupy.random.",),
        "cupy.random.seed(0)",
    ),
    "mxnet": (("mxnet.random.seed",), ("mxnet.nd.random.",), "mxnet.random.seed(0)"),
    "paddle": (
        ("paddle.seed",),
        ("paddle.rand", "paddle.nn.", "paddle.normal"),
        "paddle.seed(0)",
    ),
}
_GLOBAL_DRAWS = re.compile(
    r"(random|numpy\.random)\.(?!Random|SystemRandom|RandomState|default_rng|Generator"
    r"|SeedSequence|PCG64|MT19937|Philox|SFC64|BitGenerator)[a-z]\w*"
)
_POOLS = ("concurrent.futures.ThreadPoolExecutor", "multiprocessing.pool.ThreadPool")
_HARMLESS_PROGRAMS = frozenset(
    {
        *(
            "git",
            "nvidia-smi",
            "uname",
            "hostname",
            "mkdir",
            "ls",
            "pip",
            "uv",
            "conda",
        ),
        *("lscpu", "free", "dvc", "rocm-smi", "which", "date", "whoami", "open"),
    }
)
_PROGRAMS = frozenset(
    {
        *("subprocess.run", "subprocess.call", "subprocess.check_call", "os.system"),
        *("subprocess.check_output", "subprocess.Popen", "subprocess.getoutput"),
        *("os.popen", "os.execv", "os.spawnv", "asyncio.create_subprocess_exec"),
        *("subprocess.getstatusoutput", "asyncio.create_subprocess_shell"),
    }
)


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
    """Return the lines of calls that take one of these names."""
    return {
        call.lineno
        for call, _ in module.calls
        for node in ast.walk(call)
        if isinstance(node, ast.Name) and node.id in names
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


def _is_seed_name(target: ast.expr) -> bool:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _SEED_NAME.fullmatch(name) is not None
        case _:
            return False


def _clock_in(module: Module, node: ast.expr, depth: int = 0) -> str | None:
    """Return the clock that a value is made of, also by way of names."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            name = module.resolve(each.func)
            if name in _CLOCKS:
                return name
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and depth < 3:  # noqa: PLR2004 - names of names of names
            found = list(sources(module, each, each.id))
            if len(found) == 1 and found[0] is not node:
                clock = _clock_in(module, found[0], depth + 1)
                if clock is not None:
                    return clock
    return None


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


def loader_workers(module: Module, project: Project) -> Iterator[Finding]:
    """Find data loaders with workers whose generators nobody seeds."""
    del project
    for call, name in module.calls:
        if not name.endswith(".DataLoader") or name.partition(".")[0] not in {
            "torch",
            "torch_geometric",
            "torchdata",
        }:
            continue
        given = keyword(call, "generator") or keyword(call, "worker_init_fn")
        if given is not None or is_open(call) or not _has_workers(module, call):
            continue
        yield at(
            module,
            call,
            "dataloader-workers",
            "DataLoader has workers, and neither generator nor worker_init_fn: what they "
            "draw depends on who drew before",
            "DataLoader(..., generator=torch.Generator().manual_seed(SEED))",
        )


def _has_workers(module: Module, call: ast.Call) -> bool:
    given = argument(call, 5, "num_workers")
    if given is None:
        return False
    value = constant(module, given)
    if value is UNKNOWN:
        return any(
            name in {"os.cpu_count", "multiprocessing.cpu_count"}
            for name in _called_in(module, given)
        )
    return isinstance(value, int) and value > 0


def _called_in(module: Module, node: ast.expr) -> list[str]:
    exprs = [node]
    if isinstance(node, ast.Name):
        exprs += sources(module, node, node.id)
    return [
        module.resolve(each.func) or ""
        for expr in exprs
        for each in ast.walk(expr)
        if isinstance(each, ast.Call)
    ]


def random_in_threads(module: Module, project: Project) -> Iterator[Finding]:
    """Find threads that draw from one global generator."""
    del project
    drawing = _functions_that_draw(module)
    for call, name in module.calls:
        target = _thread_target(module, call, name)
        if isinstance(target, ast.Name) and target.id in drawing:
            yield at(
                module,
                call,
                "thread-random",
                f"threads run {target.id}, which draws from a global generator: which "
                "thread gets which number depends on their timing",
                "give each task a generator of its own: numpy.random.default_rng(number)",
            )


def _functions_that_draw(module: Module) -> set[str]:
    found: set[str] = set()
    for node, name in module.references:
        if _GLOBAL_DRAWS.fullmatch(name):
            found.update(
                scope.name
                for scope in module.scopes(node)
                if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef))
            )
    return found


def _thread_target(module: Module, call: ast.Call, name: str) -> ast.expr | None:
    if name == "threading.Thread":
        return keyword(call, "target") or argument(call, 1)
    match call.func:
        case ast.Attribute(value=ast.Name(id=pool) as owner, attr=method) if method in {
            *("submit", "map", "apply_async", "starmap", "imap", "imap_unordered"),
        }:
            made = list(sources(module, owner, pool))
            names = [
                module.resolve(each.func) or ""
                for each in made
                if isinstance(each, ast.Call)
            ]
            if any(each.startswith(_POOLS) for each in names):
                return argument(call, 0)
    return None


def unseeded_libraries(module: Module, project: Project) -> Iterator[Finding]:
    """Find draws from generators that are nobody's to seed but the script's."""
    everywhere = project.references
    for library, (seeders, draws, fix) in UNSEEDED.items():
        if any(name in seeders for name in everywhere):
            continue
        for call, name in module.calls:
            if name.startswith(draws):
                yield at(
                    module,
                    call,
                    "unseeded-library",
                    f"{library} has generators of its own, which nothing here seeds",
                    fix,
                )
                break
    yield from _draws_in_compiled_code(module)


def _draws_in_compiled_code(module: Module) -> Iterator[Finding]:
    for node in module.nodes:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        decorators = [
            module.resolve(each.func if isinstance(each, ast.Call) else each) or ""
            for each in node.decorator_list
        ]
        if not any(
            name.startswith("numba.") and name.endswith("jit") for name in decorators
        ):
            continue
        inner = list(ast.walk(node))
        names = [
            module.resolve(each.func) or ""
            for each in inner
            if isinstance(each, ast.Call)
        ]
        draws = [name for name in names if _GLOBAL_DRAWS.fullmatch(name)]
        if draws and not any(name.endswith(".seed") for name in draws):
            yield at(
                module,
                node,
                "unseeded-library",
                f"code that Numba compiles draws from {draws[0]}, a generator of Numba's "
                "own that nothing here seeds",
                "pass a numpy.random.Generator into it, or call np.random.seed inside",
            )


def other_programs(module: Module, project: Project) -> Iterator[Finding]:
    """Find programs that are started and know nothing of the run's seed."""
    del project
    for call, name in module.calls:
        if name not in _PROGRAMS:
            continue
        program = _program(module, argument(call, 0, "args"))
        if program is None or program in _HARMLESS_PROGRAMS:
            continue
        yield at(
            module,
            call,
            "other-program",
            f"{program or 'another program'} is started: it does not inherit the run's "
            "seed, and what it reads is not seen",
            "hand it a seed as an argument, and declare its files under `data`",
        )


def _program(module: Module, given: ast.expr | None) -> str | None:
    """Return the name of a program; nothing if it is not written down."""
    if given is None:
        return None
    if isinstance(given, (ast.List, ast.Tuple)):
        first = given.elts[0] if given.elts else None
    else:
        first = given
    value = constant(module, first)
    if not isinstance(value, str) or not value.strip():
        return None
    return value.split()[0].rpartition("/")[2]


CHECKS = (
    entropy_of_the_system,
    seeds_from_clocks,
    time_budgets,
    loader_workers,
    random_in_threads,
    unseeded_libraries,
    other_programs,
)
