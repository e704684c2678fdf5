"""What the study consists of: its models, what the thesis says of them, and the cells of
the table."""

from dataclasses import dataclass, field


SIZES = ("small", "middle", "full")
SPLITS = ("random", "by shower")
THESIS_ROWS = 16_016  # of the thesis' test set, table 7.2


@dataclass(frozen=True)
class Model:
    """A model of the study.

    Attributes:
        key: Name of its script and of its configs.
        title: For people.
        thesis: Accuracy of table 7.13; ``None`` for a model that the thesis has not.
        thesis_params: Parameters of its best model there.
        figures: Number of the thesis' figure: the parameter that it shows.
        is_autoencoder: One network for each primary.
    """

    key: str
    title: str
    thesis: float | None = None
    thesis_params: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    is_autoencoder: bool = False


# The last figure of each model shows all parameters at once.
ALL = "all parameters"

MODELS = (
    Model(
        "svm",
        "SVM",
        0.64036,
        {"C": 1e-4, "kernel": "linear"},
        {5: "C", 6: "kernel", 7: "gamma", 8: ALL},
    ),
    Model(
        "xgboost",
        "XGBoost",
        0.88519,
        {
            "gamma": 0,
            "learning_rate": 0.42,
            "max_depth": 5,
            "min_child_weight": 0.4133,
            "num_boost_round": 4500,
            "subsample": 0.9924,
            "early_stopping": False,
        },
        {
            9: "gamma",
            10: "num_boost_round",
            11: "learning_rate",
            12: "min_child_weight",
            13: "max_depth",
            14: "subsample",
            15: ALL,
        },
    ),
    Model(
        "autoencoder_v1",
        "Autoencoder V1",
        0.69825,
        {
            "activation": "selu",
            "encoding_dim": 10,
            "lr": 0.001,
            "optimizer": "adam",
            "ps": 0.031,
            "one_cycle": False,
            "tied_weights": True,
            "unit_norm_constraint": False,
            "weight_orthogonality": False,
        },
        {
            16: "encoding_dim",
            17: "tied_weights",
            18: "ps",
            19: "weight_orthogonality",
            20: "unit_norm_constraint",
            21: "lr",
            22: "one_cycle",
            23: ALL,
        },
        is_autoencoder=True,
    ),
    Model(
        "autoencoder_v2",
        "Autoencoder V2",
        0.56267,
        {
            "activation": "selu",
            "encoding_dim": [9, 9, 7],
            "lr": 0.00338,
            "optimizer": "sgd",
            "ps": 0.002,
            "one_cycle": True,
            "tied_weights": True,
            "unit_norm_constraint": True,
            "weight_orthogonality": False,
        },
        {
            24: "encoding_dim",
            25: "ps",
            26: "weight_orthogonality",
            27: "unit_norm_constraint",
            28: "lr",
            29: "tied_weights",
            30: "one_cycle",
            31: ALL,
        },
        is_autoencoder=True,
    ),
    Model(
        "vae",
        "VAE",
        0.38315,
        {
            "activation": "selu",
            "encoding_dim": 13,
            "latent_dim": 3,
            "lr": 1e-4,
            "optimizer": "sgd",
            "one_cycle": True,
        },
        {
            32: "encoding_dim",
            33: "latent_dim",
            34: "lr",
            35: "one_cycle",
            36: "activation",
            37: ALL,
        },
        is_autoencoder=True,
    ),
    Model("event", "XGBoost on whole events"),
    Model("ensemble", "Ensemble of XGBoost"),
)


@dataclass(frozen=True)
class Cell:
    """One entry of the table: one run, which looks at the test rows once.

    Attributes:
        model: Key of the model.
        settings: "best" of our search, or the "thesis" own.
        split: Of the rows.
        scaler: Of autoencoders; ``None`` for others.
    """

    model: str
    settings: str
    split: str
    scaler: str | None

    @property
    def tags(self):
        """What the run is found by."""
        tags = {"model": self.model, "settings": self.settings, "split": self.split}
        return tags | ({"scaler": self.scaler} if self.scaler else {})


def cells():
    """Return all cells of the table, row by row."""
    found = []
    for model in MODELS:
        scalers = ("per class (leaky)", "common") if model.is_autoencoder else (None,)
        for settings in ("best", "thesis") if model.thesis else ("best",):
            for scaler in scalers:
                found += [Cell(model.key, settings, split, scaler) for split in SPLITS]
    return found
