"""What a job may be told, as typed values: the models of the config file's fields.

They are made from a file by ``loading``, or directly, with the fields as arguments; either
way wrong values are refused by a ``ConfigError`` that names the field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from ml_experiment.config.distributions import ParamDistribution
from ml_experiment.config.explain import UNION_MARK, explained
from ml_experiment.config.fields import (
    Amount,
    Count,
    Deterministic,
    FileName,
    Globs,
    JsonDict,
    Lookahead,
    Name,
    ParamSpace,
    PositiveFloat,
    PositiveInt,
    Scripts,
    Seed,
    SomeText,
    Tags,
    Text,
    refused,
    word_of,
)
from ml_experiment.config.json_values import NotJsonError, decode, encode, json_dict
from ml_experiment.config.literals import shown
from ml_experiment.config.problems import raise_all
from ml_experiment.config.words import (
    JobTypes,
    OptimizationDirection,
    PrunerEnum,
    SamplerEnum,
)
from ml_experiment.errors import ConfigError, unknown_name


if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_KIND",
    "GROUP_FIELDS",
    "DockerConfig",
    "ExperimentConfig",
    "GroupConfig",
    "JobConfig",
    "JobTypes",
    "Metric",
    "OptimizationDirection",
    "PrunerConfig",
    "PrunerEnum",
    "RayConfig",
    "SamplerConfig",
    "SamplerEnum",
    "WorkerResourcesConfig",
    "config_class",
    "from_document",
    "to_document",
    "validated",
]

DEFAULT_KIND = JobTypes.EXPERIMENT
DEFAULT_LOOKAHEAD = 8
_BARE = UNION_MARK + "bare"
_FULL = UNION_MARK + "full"
_SEVERAL = UNION_MARK + "several"


class Model(BaseModel):
    """Base of the models: no unknown fields, no changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __init__(self, **data: Any) -> None:
        errors: list[ConfigError] = []
        try:
            super().__init__(**data)
        except ValidationError as error:
            errors = explained(error, data, type(self))
        raise_all(errors)

    # Models inside of others are made without this method, as they are where a model has
    # none of its own: the outermost one then tells of all errors, with their full paths.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


class Metric(Model):
    """What a group optimises.

    Attributes:
        name: One of the metrics that ``main`` returns.
        direction: Which values are good; ``None`` where it was not said.
    """

    name: Name
    direction: (
        Annotated[
            OptimizationDirection, PlainValidator(word_of(OptimizationDirection))
        ]
        | None
    ) = None


class _Named(Model):
    """Something of Optuna's, by its name, with options."""

    options: JsonDict = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, value: Any) -> Any:
        """Put what stands beside ``name`` under ``options``."""
        if not isinstance(value, dict) or isinstance(value.get("options"), dict):
            return value
        options = {key: each for key, each in value.items() if key != "name"}
        name = {"name": value["name"]} if "name" in value else {}
        return name | ({"options": options} if options else {})


class SamplerConfig(_Named):
    """A sampler and its options: ``{name: tpe, n_startup_trials: 20}`` in a file.

    Attributes:
        name: Which sampler.
        options: Arguments of Optuna's class; its seed is none of them, but the group's.
    """

    name: Annotated[SamplerEnum, PlainValidator(word_of(SamplerEnum))]


class PrunerConfig(_Named):
    """A pruner and its options: ``{name: median, n_warmup_steps: 5}`` in a file.

    Attributes:
        name: Which pruner.
        options: Arguments of Optuna's class.
    """

    name: Annotated[PrunerEnum, PlainValidator(word_of(PrunerEnum))]


class DockerConfig(Model):
    """The container that a job runs in: an image, or a Dockerfile to build one from.

    Attributes:
        image: Name of an image, with or without a tag.
        dockerfile: File to build the image from.
        context: Folder that the build may copy files from; that of the Dockerfile if
            ``None``.
        args: Build arguments.
    """

    image: SomeText | None = None
    dockerfile: FileName | None = None
    context: FileName | None = None
    args: Tags = Field(default_factory=dict)

    @model_validator(mode="after")
    def check_dockerfile_and_image(self) -> DockerConfig:
        """Refuse none and both of ``image`` and ``dockerfile``."""
        if (self.image is None) == (self.dockerfile is None):
            got = "neither" if self.image is None else "both"
            raise refused(f"got {got} of image and dockerfile; exactly one is needed")
        for name in ("context", "args"):
            if self.image is not None and getattr(self, name):
                raise refused(
                    "is for building, but an image is given; it goes with dockerfile",
                    path=(name,),
                )
        return self


class RayConfig(Model):
    """Arguments of ``ray.init``; those without a field here are handed on as they are.

    Attributes:
        address: Of the cluster's head; ``None`` for this machine alone.
        num_cpus: Cores to use.
        num_gpus: GPUs to use.
    """

    model_config = ConfigDict(extra="allow")

    address: SomeText | None = None
    num_cpus: PositiveInt | None = None
    num_gpus: Count | None = None

    @field_validator("address", mode="after")
    @classmethod
    def convert_localhost(cls, value: str | None) -> str | None:
        """Take ``localhost`` for what it means: a cluster on this machine alone."""
        local = value is not None and value.strip().lower() in {"localhost", "local"}
        return None if local else value

    @model_validator(mode="before")
    @classmethod
    def _check_values(cls, value: Any) -> Any:
        try:
            return json_dict(value) if isinstance(value, dict) else value
        except NotJsonError as error:
            raise refused(error.problem, path=error.path) from None


class WorkerResourcesConfig(Model):
    """What one trial takes of the machine; fractions are allowed.

    Attributes:
        cpu: Cores.
        gpu: GPUs.
    """

    cpu: PositiveFloat
    gpu: Amount = 0.0


class JobConfig(Model):
    """A job of any kind: any computation; recorded on disk, not published.

    Attributes:
        name: What the job is called; the name of the MLflow experiment.
        kind: What kind of job it is.
        run: Scripts to run, in this order.
        params: Parameters of ``main``, by name.
        docker_config: The container to run in; ``None`` for none.
        ray_config: The Ray cluster to run on; ``None`` for none.
        seed: Seed of all random generators; drawn and recorded if ``None``.
        deterministic: Whether frameworks must be deterministic (``True``), should be
            where they can (``"warn"``), or need not be (``False``).
        data: Patterns of data files to digest, whether they are seen being read or not.
        tags: Tags of the run.
        description: What the job is about.
    """

    name: Name
    kind: Annotated[JobTypes, PlainValidator(word_of(JobTypes))] = JobTypes.JOB
    run: Scripts
    params: JsonDict = Field(default_factory=dict)
    docker_config: DockerConfig | None = None
    ray_config: RayConfig | None = None
    seed: Seed | None = None
    deterministic: Deterministic = "warn"
    data: Globs = Field(default_factory=list)
    tags: Tags = Field(default_factory=dict)
    description: Text | None = None

    @field_validator("kind", mode="after")
    @classmethod
    def _check_kind(cls, value: JobTypes) -> JobTypes:
        own = cls.model_fields["kind"].default
        if value is not own:
            raise refused(f"got {value}; allowed: {own}")
        return value


class ExperimentConfig(JobConfig):
    """A single experiment: one recorded, published run of each script."""

    kind: Annotated[JobTypes, PlainValidator(word_of(JobTypes))] = JobTypes.EXPERIMENT


def _form_of_metric(value: object) -> str:
    return _SEVERAL if isinstance(value, (list, tuple)) else _FULL


def _form_of_name(value: object) -> str:
    return _FULL if isinstance(value, (dict, BaseModel)) else _BARE


def _metric(value: object) -> object:
    """Take a metric's bare name for the metric."""
    return {"name": value} if isinstance(value, str) else value


_OneMetric = Annotated[Metric, BeforeValidator(_metric)]


class GroupConfig(JobConfig):
    """A search: many trials over a parameter space.

    A parameter may be in ``params`` and in ``param_space``: what is drawn wins, so a space
    can be laid over the parameters of an experiment.

    Attributes:
        num_trials: How many trials there are.
        param_space: What is drawn for each trial: distributions, lists and dicts of them.
        metric: What is optimised; several for a search for the best compromises; ``None``
            if the decorator says it.
        sampler: How parameters are drawn; ``None`` for Optuna's default.
        pruner: Which trials are ended early; ``None`` for none.
        timeout_per_trial: Seconds after which a trial is ended; ``None`` for no limit.
        resources_per_worker: What one trial takes of the machine; ``None`` for one core.
        lookahead: How many trials may be begun before the result of the first is looked
            at; ``"none"`` to look at results as they come, which cannot be reproduced.
        retries: How often a trial that failed is tried again.
        max_failures: Failed trials after which the group ends; ``None`` for no limit.
        storage: URL of the database of the search; ``None`` for a file of its own.
    """

    kind: Annotated[JobTypes, PlainValidator(word_of(JobTypes))] = JobTypes.GROUP
    num_trials: PositiveInt
    param_space: ParamSpace = Field(default_factory=dict)
    metric: (
        Annotated[
            Annotated[_OneMetric, Tag(_FULL)]
            | Annotated[list[_OneMetric], Field(min_length=1), Tag(_SEVERAL)],
            Discriminator(_form_of_metric),
        ]
        | None
    ) = None
    sampler: (
        Annotated[
            Annotated[SamplerEnum, PlainValidator(word_of(SamplerEnum)), Tag(_BARE)]
            | Annotated[SamplerConfig, Tag(_FULL)],
            Discriminator(_form_of_name),
        ]
        | None
    ) = None
    pruner: (
        Annotated[
            Annotated[PrunerEnum, PlainValidator(word_of(PrunerEnum)), Tag(_BARE)]
            | Annotated[PrunerConfig, Tag(_FULL)],
            Discriminator(_form_of_name),
        ]
        | None
    ) = None
    timeout_per_trial: PositiveFloat | None = None
    resources_per_worker: WorkerResourcesConfig | None = None
    lookahead: Lookahead = DEFAULT_LOOKAHEAD
    retries: Count = 0
    max_failures: Count | None = None
    storage: SomeText | None = None


_CLASSES: dict[JobTypes, type[JobConfig]] = {
    JobTypes.JOB: JobConfig,
    JobTypes.EXPERIMENT: ExperimentConfig,
    JobTypes.GROUP: GroupConfig,
}
GROUP_FIELDS = frozenset(GroupConfig.model_fields) - frozenset(JobConfig.model_fields)


def config_class(kind: JobTypes | str) -> type[JobConfig]:
    """Return the model of a kind of job.

    Raises:
        ConfigError: There is no such kind.
    """
    try:
        return _CLASSES[JobTypes(kind)]
    except ValueError:
        allowed = unknown_name(str(kind), [each.value for each in JobTypes])
        raise ConfigError(f"got {shown(kind)}; {allowed}", field="kind") from None


def validated(fields: Mapping[str, object]) -> JobConfig:
    """Return the config that has these fields, of the kind that they name.

    Raises:
        ConfigError: One or several are wrong.
    """
    return config_class(fields.get("kind", DEFAULT_KIND))(**fields)  # type: ignore[arg-type]


def to_document(config: JobConfig) -> dict[str, object]:
    """Return a config as strict JSON can hold it, defaults included.

    Distributions and words of closed sets are text, infinite numbers ``{"$float": "inf"}``.
    """
    return {name: encode(_plain(value)) for name, value in config}


def from_document(document: Mapping[str, object]) -> JobConfig:
    """Return the config of which ``to_document`` made ``document``.

    Raises:
        ConfigError: It is not such a document.
    """
    return validated({name: decode(value) for name, value in document.items()})


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return {name: _plain(each) for name, each in value}
    if isinstance(value, ParamDistribution):
        return str(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value
