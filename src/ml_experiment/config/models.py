"""What a job may be told, as typed values: the models of the config file's fields.

They are made from a file by ``loading``, or directly, with the fields as arguments; either
way wrong values are refused by a ``ConfigError`` that names the field.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic looks it up
from typing import Annotated, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    field_validator,
)

from ml_experiment.config.distributions import ParamDistribution
from ml_experiment.config.explain import UNION_MARK
from ml_experiment.config.fields import (
    Count,
    Deterministic,
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
from ml_experiment.config.json_values import decode, encode
from ml_experiment.config.literals import shown
from ml_experiment.config.parts import (
    DockerConfig,
    Metric,
    Model,
    PrunerConfig,
    RayConfig,
    SamplerConfig,
    WorkerResourcesConfig,
)
from ml_experiment.config.words import (
    JobTypes,
    OptimizationDirection,
    PrunerEnum,
    SamplerEnum,
)
from ml_experiment.errors import ConfigError, unknown_name


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

    # What to say of fields that another kind of job has; filled in below.
    elsewhere: ClassVar[Mapping[str, str]] = {}

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
        own: JobTypes = cls.model_fields["kind"].default
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

    elsewhere: ClassVar[Mapping[str, str]] = {}

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

    @field_validator("metric", mode="after")
    @classmethod
    def _check_metric(cls, value: Metric | list[Metric] | None) -> object:
        names: set[str] = set()
        for number, each in enumerate(value if isinstance(value, list) else ()):
            if each.name in names:
                raise refused(
                    f"got {shown(each.name)} a second time; each metric is optimised once",
                    path=(number,),
                )
            names.add(each.name)
        return value


_CLASSES: dict[JobTypes, type[JobConfig]] = {
    JobTypes.JOB: JobConfig,
    JobTypes.EXPERIMENT: ExperimentConfig,
    JobTypes.GROUP: GroupConfig,
}
GROUP_FIELDS = frozenset(GroupConfig.model_fields) - frozenset(JobConfig.model_fields)
JobConfig.elsewhere = dict.fromkeys(
    GROUP_FIELDS, "belongs to groups; it goes with `kind: group` only"
)


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
