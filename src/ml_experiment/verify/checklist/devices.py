"""What is not deterministic by itself: operations on GPUs, racing training, switches."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.rules import Severity
from ml_experiment.verify.checklist.values import (
    UNKNOWN,
    argument,
    constant,
    function_name,
    is_open,
    keyword,
    words,
)


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

# https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
_TENSOR_METHODS = frozenset(
    {
        *("scatter_add", "scatter_add_", "index_add", "index_add_", "scatter_reduce"),
        *(
            "scatter_reduce_",
            "index_reduce_",
            "bincount",
            "histc",
            "put_",
            "index_put_",
        ),
    }
)
_FUNCTIONS = frozenset(
    {
        *("scatter_add", "index_add", "scatter_reduce", "bincount", "histc"),
        *("index_put", "index_reduce", "ctc_loss", "grid_sample", "embedding_bag"),
        *("max_unpool1d", "max_unpool2d", "max_unpool3d", "fractional_max_pool2d"),
        *("fractional_max_pool3d", "adaptive_max_pool2d", "upsample_bilinear"),
    }
)
_LAYERS = frozenset(
    {
        *("CTCLoss", "EmbeddingBag", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"),
        *("FractionalMaxPool2d", "FractionalMaxPool3d", "AdaptiveMaxPool2d"),
        *("AdaptiveAvgPool3d", "AvgPool3d", "MaxPool3d", "ReflectionPad1d"),
        *("ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d"),
        *("ReplicationPad3d", "UpsamplingBilinear2d"),
    }
)
_SMOOTH = frozenset({"linear", "bilinear", "bicubic", "trilinear"})
_TF_OPS = frozenset(
    {
        *("tensorflow.math.bincount", "tensorflow.math.unsorted_segment_sum"),
        *("tensorflow.math.segment_sum", "tensorflow.image.adjust_contrast"),
        *("tensorflow.math.unsorted_segment_mean", "tensorflow.tensor_scatter_nd_add"),
        *("tensorflow.sparse.sparse_dense_matmul", "tensorflow.scatter_nd"),
    }
)
_TF_SWITCH = "tensorflow.config.experimental.enable_op_determinism"
_TORCH_SWITCH = "torch.use_deterministic_algorithms"
_SWITCHES = {
    "torch.backends.cudnn.benchmark": True,
    "torch.backends.cudnn.deterministic": False,
}
_GENSIM = frozenset({"Word2Vec", "Doc2Vec", "FastText"})
_CORES = frozenset(
    {
        "os.cpu_count",
        "multiprocessing.cpu_count",
        "psutil.cpu_count",
        "os.process_cpu_count",
    }
)
_THREADS = frozenset({"num_threads", "nthread", "thread_count"})
_THREAD_SETTERS = frozenset(
    {
        "torch.set_num_threads",
        "tensorflow.config.threading.set_intra_op_parallelism_threads",
        "numba.set_num_threads",
    }
)


def gpu_operations(module: Module, project: Project) -> Iterator[Finding]:
    """Find operations that add up in another order each time on a GPU."""
    names = {top for top in ("torch", "tensorflow") if module.uses_library(top)}
    if not names or project.asks_for_determinism:
        return
    for call, name in module.calls:
        operation = _torch_op(module, call, name) if "torch" in names else None
        if name in _TF_OPS:
            operation = name
        if operation is None:
            continue
        library = "tensorflow" if name in _TF_OPS else "torch"
        if _is_switched_on(project, library) or project.device == "cpu":
            continue
        on_gpu = project.device == "gpu"
        yield at(
            module,
            call,
            "gpu-op",
            f"{operation} is known not to be deterministic on a GPU",
            "deterministic: true, in the config: an operation that is deterministic is "
            "used where there is one, and an error names those without",
            severity=None if on_gpu else Severity.NOTE,
        )


def _is_switched_on(project: Project, library: str) -> bool:
    switch = _TORCH_SWITCH if library == "torch" else _TF_SWITCH
    return any(
        name == switch and constant(module, argument(call, 0, "mode")) is not False
        for module in project.modules
        for call, name in module.calls
    )


def _torch_op(module: Module, call: ast.Call, name: str) -> str | None:
    last = function_name(call, name)
    if name.startswith("torch."):
        if last in _FUNCTIONS | _LAYERS:
            return name
        smooth = last in {"interpolate", "upsample", "Upsample"}
        return name if smooth and _is_smooth(module, call) else None
    is_method = isinstance(call.func, ast.Attribute) and name == ""
    if is_method and last in _TENSOR_METHODS:
        return f"Tensor.{last}"
    return None


def _is_smooth(module: Module, call: ast.Call) -> bool:
    mode = keyword(call, "mode")
    return mode is not None and constant(module, mode) in _SMOOTH


def switches(module: Module, project: Project) -> Iterator[Finding]:
    """Find switches that are set the wrong way round."""
    del project
    for node in module.nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            name = module.resolve(node.targets[0]) or ""
            value = constant(module, node.value)
            if name in _SWITCHES and value is _SWITCHES[name]:
                yield _switched(module, node, f"{name} = {value}", f"{not value}")
    for call, name in module.calls:
        if (
            name == _TORCH_SWITCH
            and constant(module, argument(call, 0, "mode")) is False
        ):
            yield _switched(module, call, f"{name}(False)", "True")
        trainer = name.endswith(".Trainer") and "lightning" in name
        benchmark = keyword(call, "benchmark") if trainer else None
        if benchmark is not None and constant(module, benchmark) is True:
            yield _switched(module, call, "Trainer(benchmark=True)", "False")


def _switched(module: Module, node: ast.AST, what: str, other: str) -> Finding:
    return at(
        module,
        node,
        "determinism-off",
        f"{what}: algorithms are chosen by their speed at the moment",
        f"{other} instead, or leave it to `deterministic: true` in the config",
    )


_LINEAR = (
    "XGBoost's gblinear trains with threads that race (updater shotgun)",
    'updater="coord_descent"',
)


def racing_training(module: Module, project: Project) -> Iterator[Finding]:
    """Find models whose training depends on which thread comes first."""
    del project
    for call, name in module.calls:
        if is_open(call):
            continue
        problem = _race(module, call, name)
        if problem is not None:
            yield at(module, call, "racing-training", *problem)
    if any(name.startswith("xgboost.") for _, name in module.calls):
        yield from _linear_boosters(module)


def _linear_boosters(module: Module) -> Iterator[Finding]:
    """Find XGBoost's parameters in a dictionary that ask for a linear booster."""
    for node in module.nodes:
        if not isinstance(node, ast.Dict):
            continue
        given = {
            constant(module, key): constant(module, value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant)
        }
        if given.get("booster") == "gblinear" and _shotgun(given.get("updater")):
            yield at(module, node, "racing-training", *_LINEAR)


def _shotgun(updater: object) -> bool:
    return updater != "coord_descent"


def _race(module: Module, call: ast.Call, name: str) -> tuple[str, str] | None:
    top, last = name.partition(".")[0], function_name(call, name)
    linear = top == "xgboost" and _value(module, call, "booster") == "gblinear"
    if linear and _shotgun(_value(module, call, "updater")):
        return _LINEAR
    if top == "catboost" and _value(module, call, "task_type") == "GPU":
        return ("CatBoost on a GPU is not deterministic", 'task_type="CPU"')
    if top == "umap" and last == "UMAP" and keyword(call, "random_state") is None:
        return (
            "UMAP without random_state trains with threads that race",
            "random_state=0",
        )
    if top == "gensim" and last in _GENSIM and _value(module, call, "workers") != 1:
        return (f"{last} trains with threads that race", "workers=1")
    return None


def _value(module: Module, call: ast.Call, name: str) -> object:
    given = keyword(call, name)
    return UNKNOWN if given is None else constant(module, given)


def lightgbm_layout(module: Module, project: Project) -> Iterator[Finding]:
    """Find LightGBM left to choose how it adds up by what is faster at the moment."""
    texts = [each.text for each in project.modules]
    texts += [each.text for each in project.config_texts]
    if any("force_row_wise" in each or "force_col_wise" in each for each in texts):
        return
    for call, name in module.calls:
        top, last = name.partition(".")[0], function_name(call, name)
        makes = last.startswith("LGBM") or last in {"train", "cv"}
        if top != "lightgbm" or not makes:
            continue
        if is_open(call) and last.startswith("LGBM"):
            continue
        if 1 in {_value(module, call, each) for each in ("n_jobs", "num_threads")}:
            continue
        yield at(
            module,
            call,
            "lightgbm-layout",
            "LightGBM tries out which way of adding up is faster now; the two differ in "
            "the last digits",
            "force_row_wise=True, deterministic=True",
        )


def machine_threads(module: Module, project: Project) -> Iterator[Finding]:
    """Find numbers of threads that are those of the machine."""
    del project
    for call, name in module.calls:
        given = [each.value for each in call.keywords if each.arg in _THREADS]
        if name in _THREAD_SETTERS:
            given += call.args
        if any(_counts_cores(module, each) for each in given):
            yield at(
                module,
                call,
                "machine-threads",
                "the number of threads is the machine's: sums depend on it",
                "write a number, or leave it out: `ml-experiment` fixes and records it",
            )
    for node in module.nodes:
        match node:
            case ast.Assign(targets=[ast.Subscript(slice=key)], value=value):
                if "OMP_NUM_THREADS" in words(key) and _counts_cores(module, value):
                    yield at(
                        module,
                        node,
                        "machine-threads",
                        "OMP_NUM_THREADS is the machine's: sums depend on it",
                        "leave it out: `ml-experiment` fixes and records it",
                    )
            case _:
                pass


def _counts_cores(module: Module, node: ast.expr) -> bool:
    return any(
        isinstance(each, ast.Call) and module.resolve(each.func) in _CORES
        for each in ast.walk(node)
    )


CHECKS = (gpu_operations, switches, racing_training, lightgbm_layout, machine_threads)
