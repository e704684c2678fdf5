"""The parts of a config that have fields of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    field_validator,
    model_validator,
)

from ml_experiment.config.explain import explained
from ml_experiment.config.fields import (
    Amount,
    Count,
    FileName,
    JsonDict,
    Name,
    PositiveFloat,
    PositiveInt,
    SomeText,
    Tags,
    refused,
    word_of,
)
from ml_experiment.config.json_values import NotJsonError, json_dict
from ml_experiment.config.problems import raise_all
from ml_experiment.config.words import OptimizationDirection, PrunerEnum, SamplerEnum


if TYPE_CHECKING:
    from ml_experiment.errors import ConfigError


class Model(BaseModel):
    """Base of the models: no unknown fields, no changes after validation."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # a job of one kind needs no model of another
    )

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
        Annotated[OptimizationDirection, PlainValidator(word_of(OptimizationDirection))]
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
