"""Randomness out of reach: in workers and threads, other libraries, other programs."""

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
    sources,
    written_out,
)


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

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
        *("ml-experiment", "ml_experiment"),  # what it runs has a seed, and a record
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
        full = written_out(module, call)
        given = keyword(full, "generator") or keyword(full, "worker_init_fn")
        if given is not None or is_open(full) or not _has_workers(module, full):
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
        drawer = None if target is None else _drawer(module, target, drawing)
        if drawer is not None:
            yield at(
                module,
                call,
                "thread-random",
                f"threads run {drawer}, which draws from a global generator: which "
                "thread gets which number depends on their timing",
                "give each task a generator of its own: numpy.random.default_rng(number)",
            )


def _drawer(module: Module, target: ast.expr, drawing: set[str]) -> str | None:
    """Return what a thread runs if that draws: a function from here, or a library's own."""
    if isinstance(target, ast.Name) and target.id in drawing:
        return target.id
    name = module.resolve(target) or ""
    is_draw = _GLOBAL_DRAWS.fullmatch(name) and not name.endswith((".seed", "state"))
    return name if is_draw else None


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
        case ast.Attribute(value=owner, attr=method) if method in {
            *("submit", "map", "apply_async", "starmap", "imap", "imap_unordered"),
        }:
            made = [owner]
            if isinstance(owner, ast.Name):
                made = list(sources(module, owner, owner.id))
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
    first = given
    if isinstance(given, (ast.List, ast.Tuple)):
        first = given.elts[0] if given.elts else None
        if first is not None and module.resolve(first) == "sys.executable":
            return _run_by_python(module, given.elts[1:])
    value = constant(module, first)
    if not isinstance(value, str) or not value.strip():
        return None
    return value.split()[0].rpartition("/")[2]


def _run_by_python(module: Module, words: Sequence[ast.expr]) -> str:
    """Return the module or the script that Python is to run."""
    texts = [constant(module, each) for each in words]
    match texts:
        case ["-m", str() as name, *_]:
            return name
        case [str() as script, *_] if script.endswith(".py"):
            return script.rpartition("/")[2]
        case _:
            return "python"


CHECKS = (loader_workers, random_in_threads, unseeded_libraries, other_programs)
