"""The simulated showers of the application, against what is known of real ones."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest


if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("scipy")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "uhecr"
PARTS = (
    "arrival",
    "atmosphere",
    "columns",
    "features",
    "files",
    "generate",
    "geometry",
    "primaries",
    "signals",
    "traces",
)
PRIMARIES = ("helium", "iron", "oxygen", "proton")
MASSES = {"helium": 4, "iron": 56, "oxygen": 16, "proton": 1}


class Modules:
    """The example's modules, by their names."""

    def __init__(self) -> None:
        self.data: Any = importlib.import_module("data")
        for name in PARTS:
            setattr(self, name, importlib.import_module(f"showers.{name}"))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@pytest.fixture(scope="module")
def app() -> Iterator[Any]:
    """Import the example as its scripts do, and forget it afterwards."""
    sys.path.insert(0, str(EXAMPLE))
    yield Modules()
    sys.path.remove(str(EXAMPLE))
    for name in [n for n in sys.modules if n.split(".")[0] in {"showers", "data"}]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def small_files(app: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the small set."""
    folder = tmp_path_factory.mktemp("showers")
    app.files.write(folder, showers=1000, seed=7, size="small")
    return folder


def drawn(app: Any, primary: str, zenith_deg: float, count: int = 2000) -> Any:
    """Return showers of 10^19 eV from one zenith angle."""
    rng = np.random.default_rng([11, MASSES[primary]])
    zenith = np.full(count, np.radians(zenith_deg))
    return app.primaries.draw(rng, primary, np.full(count, 19.0), zenith)


def seen_at(app: Any, showers: Any, r: float) -> Any:
    """Return what stations at a distance see: their traces and what is read off them."""
    rng = np.random.default_rng([12, int(r)])
    stations = app.geometry.ring(rng, showers.zenith, r)
    _, made, shape = app.generate.observe(rng, showers, stations)
    return made, shape


def digest(folder: Path) -> dict[str, str]:
    """Return the hash of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.csv"))
    }


# --- air


def test_air_above_sea_level_and_above_the_array_weighs_what_it_should(
    app: Any,
) -> None:
    """1036.1 g/cm2 at sea level, 873 at 1425 m."""
    depths = app.atmosphere.depth(np.array([0.0, 1425.0]))

    assert depths == pytest.approx([1036.1, 872.8], abs=0.05)


def test_height_is_the_inverse_of_depth_in_every_layer(app: Any) -> None:
    """Where the layers of the fit do not quite meet, tens of metres are lost."""
    heights = np.array([0.0, 1425, 3999, 4500, 9000, 12000, 39000, 45000, 90000])

    back = app.atmosphere.height(app.atmosphere.depth(heights))

    assert back == pytest.approx(heights, abs=1e-6)


def test_less_air_than_at_the_top_counts_as_the_top(app: Any) -> None:
    """No height is infinite."""
    assert app.atmosphere.height(0.0) == pytest.approx(100e3)


# --- showers


@pytest.mark.parametrize("model", ["qgsjet", "epos"])
@pytest.mark.parametrize("primary", PRIMARIES)
def test_xmax_has_the_mean_of_its_distribution(
    app: Any, primary: str, model: str
) -> None:
    """The mean of a generalised Gumbel variable has a closed form."""
    from scipy.special import digamma

    logs = np.log(MASSES[primary]) ** np.arange(3)
    table = app.primaries.XMAX[model]
    location, scale, shape = (
        float(np.array(table[name][0]) @ logs)
        for name in ("location", "scale", "shape")
    )
    expected = location - scale * (digamma(shape) - np.log(shape))

    xmax, _ = app.primaries.draw_xmax(
        np.random.default_rng(1), MASSES[primary], np.full(20_000, 19.0), model
    )

    assert xmax.mean() == pytest.approx(expected, abs=1.5)


def test_light_nuclei_reach_deeper_and_fluctuate_more(app: Any) -> None:
    """Proton, helium, oxygen, iron, in this order, in mean and in spread."""
    of_masses = [
        drawn(app, each, 38).xmax for each in ("proton", "helium", "oxygen", "iron")
    ]

    means = [each.mean() for each in of_masses]
    spreads = [each.std() for each in of_masses]

    assert means == sorted(means, reverse=True)
    assert spreads == sorted(spreads, reverse=True)
    assert means[0] - means[-1] == pytest.approx(98, abs=8)
    assert spreads[0] == pytest.approx(62, abs=4)
    assert spreads[-1] == pytest.approx(22, abs=2)


def test_showers_of_more_energy_reach_deeper(app: Any) -> None:
    """By 50 to 60 g/cm2 a decade, for iron: the elongation rate."""
    rng = np.random.default_rng(3)
    mean = [
        app.primaries.draw_xmax(rng, 56, np.full(5000, energy))[0].mean()
        for energy in (18.5, 19.5)
    ]

    assert 50 < mean[1] - mean[0] < 65


@pytest.mark.parametrize("primary", PRIMARIES)
def test_the_mean_content_of_muons_follows_the_mass(app: Any, primary: str) -> None:
    """A nucleus is A nucleons with a share of the energy each: A^(1-beta)."""
    muons = drawn(app, primary, 38, count=20_000).muons

    assert muons.mean() == pytest.approx(MASSES[primary] ** 0.073, rel=0.005)


def test_deep_showers_of_iron_have_more_muons_and_those_of_protons_have_not(
    app: Any,
) -> None:
    """The correlation that CORSIKA showers have: 0.67 and 0."""
    iron, proton = drawn(app, "iron", 38), drawn(app, "proton", 38)

    assert np.corrcoef(iron.xmax, np.log(iron.muons))[0, 1] == pytest.approx(
        0.66, abs=0.05
    )
    assert abs(np.corrcoef(proton.xmax, np.log(proton.muons))[0, 1]) < 0.06


def test_epos_has_deeper_showers_with_more_muons(app: Any) -> None:
    """As the model has: about 15 g/cm2 and 7 %."""
    draw = app.primaries.draw
    energy, zenith = np.full(5000, 19.0), np.full(5000, 0.6)
    one, other = (
        draw(np.random.default_rng(1), "proton", energy, zenith, model)
        for model in ("qgsjet", "epos")
    )

    assert 8 < other.xmax.mean() - one.xmax.mean() < 30
    assert other.muons.mean() / one.muons.mean() == pytest.approx(1.07, rel=0.01)


def test_showers_come_from_the_sky_as_flat_ground_sees_it(app: Any) -> None:
    """Even in the square of the sine: half of them below 37.8 degrees."""
    _, zenith = app.primaries.draw_directions(np.random.default_rng(1), 40_000)

    assert np.degrees(np.median(zenith)) == pytest.approx(37.76, abs=0.5)
    assert np.degrees(zenith.max()) <= 60


# --- geometry


def test_stations_are_kept_between_500_and_1500_m_of_the_seen_core(app: Any) -> None:
    """And the seen core is some 40 m off the true one."""
    zenith = np.random.default_rng(1).uniform(0, np.radians(60), 2000)

    stations = app.geometry.throw(np.random.default_rng(2), zenith)

    assert 500 <= stations.seen_r.min() < 505
    assert 1495 < stations.seen_r.max() <= 1500
    assert np.std(stations.seen_r - stations.r) == pytest.approx(40, rel=0.1)


def test_the_density_of_stations_is_that_of_the_grid(app: Any) -> None:
    """One on 1.95 km2 of ground; an inclined ring is an ellipse there."""
    count, zenith = 4000, np.radians(60)
    ring = np.pi * (1.5**2 - 0.5**2) / np.cos(zenith)
    cell = 1.5**2 * np.sqrt(3) / 2

    stations = app.geometry.throw(np.random.default_rng(2), np.full(count, zenith))

    assert len(stations) / count == pytest.approx(ring / cell, rel=0.02)


def test_a_station_on_the_near_side_is_hit_before_one_behind(app: Any) -> None:
    """It has less air above it along the axis, so more of what the air absorbs."""
    showers = drawn(app, "proton", 50, count=2)
    stations = app.geometry.ring(np.random.default_rng(1), showers.zenith, 1000)
    zeta = np.array([0.0, np.pi])
    lead = 1000 * np.cos(zeta) * np.tan(showers.zenith)
    same = app.primaries.Showers(
        *(np.full(2, each[0]) for each in vars(showers).values())
    )
    near = app.geometry.Stations(
        stations.shower, stations.station, stations.r, zeta, lead, stations.r, zeta
    )

    depths = app.signals.beyond_maximum(same, near)
    signals = app.signals.em_signal(same, near)

    assert depths[0] < depths[1]
    assert signals[0] > signals[1]


# --- signals: the mean station at 10^19 eV and 1000 m

STATIONS_AT_1000_M = {
    # primary, zenith: muon signal, em signal, signal, rise at 600/1000/1400 m, bins, AoP
    ("proton", 0): (10.1, 23.1, 34.7, (198, 361, 565), 125, 24.7),
    ("proton", 38): (14.2, 17.8, 34.1, (135, 231, 361), 84, 17.5),
    ("proton", 60): (12.0, 1.0, 14.9, (55, 80, 136), 21, 6.8),
    ("iron", 0): (16.6, 22.1, 41.6, (170, 303, 483), 111, 21.9),
    ("iron", 38): (20.0, 13.1, 36.4, (110, 186, 296), 71, 14.7),
    ("iron", 60): (14.8, 0.5, 17.8, (51, 74, 115), 19, 6.4),
}


@pytest.mark.parametrize(
    ("primary", "zenith"),
    STATIONS_AT_1000_M,
    ids=[f"{name} {angle}" for name, angle in STATIONS_AT_1000_M],
)
def test_the_mean_station_is_as_it_was_set_to_be(
    app: Any, primary: str, zenith: int
) -> None:
    """Signals within 4 %, times and lengths within 10 %."""
    muon, em, total, rises, bins, area = STATIONS_AT_1000_M[primary, zenith]
    showers = drawn(app, primary, zenith)
    stations = app.geometry.ring(np.random.default_rng(5), showers.zenith, 1000)

    _, shape = seen_at(app, showers, 1000)
    seen = [seen_at(app, showers, r)[1] for r in (600, 1000, 1400)]
    rise = [each.rise[each.triggered].mean() for each in seen]

    assert app.signals.muon_signal(showers, stations).mean() == pytest.approx(
        muon, rel=0.04
    )
    assert app.signals.em_signal(showers, stations).mean() == pytest.approx(
        em, rel=0.04, abs=0.3
    )
    assert shape.signal.mean() == pytest.approx(total, rel=0.04)
    assert rise == pytest.approx(rises, rel=0.1)
    assert shape.length.mean() == pytest.approx(bins, rel=0.1)
    assert shape.area_over_peak.mean() == pytest.approx(area, rel=0.05)


def test_iron_has_a_third_more_muons_than_protons(app: Any) -> None:
    """Number of muons in tanks at 38 degrees and 1000 m: 1.3 to 1.45."""
    iron, proton = (
        seen_at(app, drawn(app, primary, 38), 1000)[0].muons.mean()
        for primary in ("iron", "proton")
    )

    assert 1.3 < iron / proton < 1.45


@pytest.mark.parametrize(("primary", "expected"), [("proton", 0.44), ("iron", 0.49)])
def test_inclined_showers_are_attenuated(
    app: Any, primary: str, expected: float
) -> None:
    """From 38 to 60 degrees the signal at 1000 m falls by half; Auger has 0.47."""
    at_60, at_38 = (
        seen_at(app, drawn(app, primary, zenith), 1000)[1].signal.mean()
        for zenith in (60, 38)
    )

    assert at_60 / at_38 == pytest.approx(expected, abs=0.025)


@pytest.mark.parametrize(("zenith", "expected"), [(0, 0.77), (38, 0.84), (60, 1.22)])
def test_signals_fluctuate_as_published(app: Any, zenith: int, expected: float) -> None:
    """Spread over the root of the signal, of one shower seen by many equal stations."""
    count = 4000
    shower = app.primaries.Showers(
        np.full(count, 19.0),
        np.full(count, np.radians(zenith)),
        np.full(count, 796.0),
        np.ones(count),
    )
    level, r = np.zeros(count), np.full(count, 1000.0)
    number = np.arange(count)
    stations = app.geometry.Stations(number, number, r, level, level, r, level)

    made = app.traces.simulate(np.random.default_rng(1), shower, stations)

    charge = made.muon_charge + made.em_charge
    assert charge.std() / np.sqrt(charge.mean()) == pytest.approx(expected, abs=0.06)


def test_signals_fall_and_rise_times_grow_with_the_distance(app: Any) -> None:
    """At 600, 1000 and 1400 m."""
    showers = drawn(app, "oxygen", 38)

    shapes = [seen_at(app, showers, r)[1] for r in (600, 1000, 1400)]

    signals = [each.signal.mean() for each in shapes]
    rises = [each.rise.mean() for each in shapes]
    assert signals == sorted(signals, reverse=True)
    assert rises == sorted(rises)


# --- traces and what is read off them


def test_the_signal_is_the_sum_of_the_trace_in_its_window(app: Any) -> None:
    """Bin by bin, for every trace."""
    made, shape = seen_at(app, drawn(app, "helium", 20, count=300), 800)

    expected = [
        trace[first : first + length].sum(dtype=float)
        for trace, first, length in zip(
            made.signal, shape.first, shape.length, strict=True
        )
    ]

    assert shape.signal == pytest.approx(expected)


def test_little_of_the_charge_is_outside_of_the_window(app: Any) -> None:
    """The tank's charge comes out as signal, but for the tail and calibration."""
    made, shape = seen_at(app, drawn(app, "proton", 38), 1000)

    charge = made.muon_charge + made.em_charge

    assert 0.93 < shape.signal.sum() / charge.sum() < 1


def test_traces_rise_faster_than_they_fall(app: Any) -> None:
    """In the mean of every primary and angle."""
    for primary in ("proton", "iron"):
        for zenith in (0, 38, 60):
            _, shape = seen_at(app, drawn(app, primary, zenith, count=300), 1000)

            assert shape.rise.mean() < shape.fall.mean()


def test_features_of_a_known_trace_are_what_one_counts(app: Any) -> None:
    """Ten bins of 1 VEM: 10 bins long, 100 ns to the half, area over peak of 10."""
    trace = np.zeros((1, 400), dtype=np.float32)
    trace[0, 30:40] = 1.0

    shape = app.features.read_off(trace)

    assert shape.signal[0] == pytest.approx(10)
    assert (shape.rise[0], shape.fall[0]) == pytest.approx((100, 100))
    assert shape.area_over_peak[0] == pytest.approx(10)
    assert shape.triggered[0]
    assert (shape.first[0], shape.length[0]) == (30, 10)


def test_a_station_without_signal_has_not_triggered(app: Any) -> None:
    """Noise of the pedestal alone."""
    noise = np.random.default_rng(1).normal(0, 0.7 / 165, (50, 400))

    shape = app.features.read_off(noise.astype(np.float32))

    assert not shape.triggered.any()


def test_saturated_stations_are_marked_and_left_out(app: Any) -> None:
    """At 10^20 eV and 500 m the low gain is full; no generated row has such a peak."""
    showers = app.primaries.draw(
        np.random.default_rng(1), "iron", np.full(50, 20.0), np.full(50, 0.3)
    )
    fullest = app.traces.FULL_SCALE * app.traces.GAIN_RATIO / app.traces.CHARGE_COUNTS

    made, _ = seen_at(app, showers, 500)
    rows = app.generate.generate("iron", 6000, 3000, 1)

    assert made.saturated.all()
    assert made.signal.max() <= fullest * 1.001
    features = dict(zip(app.columns.FEATURES, rows.features.T, strict=True))
    highest = features["s_total_vem"] / features["aop_bins"]
    assert 0.5 * fullest < highest.max() < fullest
    assert features["s_total_vem"].min() > 5


# --- files


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    small_files: Path, tmp_path: Path
) -> None:
    """Also in another process; and not one file is the same with another seed."""
    command = [sys.executable, "-m", "showers", "--size", "small", "--showers", "1000"]
    again, other = tmp_path / "again", tmp_path / "other"

    for folder, seed in ((again, "7"), (other, "8")):
        subprocess.run(
            [*command, "--seed", seed, "--out", str(folder)], cwd=EXAMPLE, check=True
        )

    assert digest(again) == digest(small_files)
    assert not set(digest(other).values()) & set(digest(small_files).values())


def test_the_files_are_laid_out_as_the_thesis_had_them(
    app: Any, small_files: Path
) -> None:
    """Two for each primary; three identifiers, nine features, the primary."""
    names = {f"{each}-{part}.csv" for each in PRIMARIES for part in ("train", "test")}

    head, first, *_ = (small_files / "iron-train.csv").read_text().splitlines()

    assert {path.name for path in small_files.glob("*.csv")} == names
    assert head.split(",")[:3] == ["shower_id", "event_id", "station_id"]
    assert tuple(head.split(",")[3:-1]) == app.columns.FEATURES
    assert first.split(",")[-1] == "iron"
    assert not set(app.columns.TRUTH) & set(head.split(","))


@pytest.mark.slow
def test_the_full_set_has_the_thesis_rows_within_15_seconds(
    app: Any, tmp_path: Path
) -> None:
    """80,089 rows, on one core."""
    began = time.process_time()

    app.files.write(tmp_path, showers=2000, seed=1234)

    assert time.process_time() - began < 15
    counts = {
        path.stem: path.read_text().count("\n") - 1 for path in tmp_path.glob("*.csv")
    }
    for primary, expected in app.files.ROWS.items():
        assert (counts[f"{primary}-train"], counts[f"{primary}-test"]) == expected
    assert sum(counts.values()) == 80_089


def test_no_shower_is_in_both_files_or_of_two_primaries(
    app: Any, small_files: Path
) -> None:
    """Numbers of showers are never used twice."""
    rows = app.data.read(small_files)

    of_subset = [set(rows.shower[rows.subset == each]) for each in ("train", "test")]
    of_label = [set(rows.shower[rows.y == label]) for label in range(4)]

    assert not of_subset[0] & of_subset[1]
    assert sum(map(len, of_label)) == len(set(rows.shower))


def test_stations_of_a_shower_share_energy_and_zenith_and_nothing_else(
    app: Any, small_files: Path
) -> None:
    """What makes a shower known again."""
    rows = app.data.read(small_files)
    _, first, shower = np.unique(rows.shower, return_index=True, return_inverse=True)

    same = (rows.x == rows.x[first][shower]).all(axis=0)

    assert same[:2].all()
    repeated = np.bincount(shower).max()
    assert repeated > 5
    assert not same[2:].any()


def test_rows_come_in_the_order_of_labels(app: Any, small_files: Path) -> None:
    """Helium, iron, oxygen and proton are 0, 1, 2 and 3."""
    rows = app.data.read(small_files)
    lines = (small_files / "oxygen-train.csv").read_text().splitlines()

    x = rows.x[(rows.y == 2) & (rows.subset == "train")]

    assert len(x) == len(lines) - 1
    assert x[0] == pytest.approx([float(each) for each in lines[1].split(",")[3:-1]])


def test_a_missing_file_is_named_with_the_command_that_makes_it(
    app: Any, tmp_path: Path
) -> None:
    """So that nobody has to look for it."""
    with pytest.raises(FileNotFoundError, match="python -m showers --out"):
        app.data.read(tmp_path)


def test_a_file_with_other_columns_is_refused(
    app: Any, small_files: Path, tmp_path: Path
) -> None:
    """A column that is not there would shift all features by one."""
    for path in small_files.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "helium-train.csv").write_text("shower_id,primary\n1,helium\n")

    with pytest.raises(ValueError, match=r"helium-train\.csv: got columns"):
        app.data.read(tmp_path)


@pytest.mark.parametrize(
    ("option", "value"), [("--showers", "3"), ("--seed", "-1"), ("--model", "sibyll")]
)
def test_a_wrong_option_is_refused_before_anything_is_written(
    option: str, value: str, tmp_path: Path
) -> None:
    """With the option, what was got, and the status of wrong usage."""
    folder = tmp_path / "out"

    ended = subprocess.run(
        [sys.executable, "-m", "showers", option, value, "--out", str(folder)],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert option in ended.stderr
    assert value in ended.stderr
    assert not folder.exists()


# --- sets


def test_paired_showers_have_the_same_energies_for_all_primaries(app: Any) -> None:
    """And unpaired ones have not."""

    def energies(primary: str, *, paired: bool) -> Any:
        sample = app.generate.generate(primary, 300, 40, 5, paired=paired)
        return set(sample.features[:, 0])

    iron, proton = (energies(each, paired=True) for each in ("iron", "proton"))

    assert len(iron & proton) > 30
    assert not energies("iron", paired=False) & energies("proton", paired=False)


def test_one_station_of_each_shower_is_what_it_says(app: Any) -> None:
    """No number of a shower twice."""
    sample = app.generate.generate("proton", 500, 700, 5, one_each=True)

    assert len(np.unique(sample.shower)) == 500


def test_more_stations_than_showers_have_is_refused(app: Any) -> None:
    """Not searched for without end."""
    with pytest.raises(ValueError, match="got 30; allowed: up to 20"):
        app.generate.generate("proton", 30, 20, 5, one_each=True)


def test_a_search_for_stations_that_are_not_there_ends(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the number that was found and the number that was asked for."""
    monkeypatch.setattr(app.generate, "MOST_THROWS", 2)

    with pytest.raises(RuntimeError, match=r"\d+ stations of 20 showers, 9000 were"):
        app.generate.generate("proton", 9000, 20, 5)


def test_a_split_by_shower_keeps_showers_whole_and_a_random_one_does_not(
    app: Any, small_files: Path
) -> None:
    """A fifth of the showers, or of the rows."""
    shower = app.data.read(small_files).shower

    train, test = app.data.divide(shower, "by shower", 1)
    mixed_train, mixed_test = app.data.divide(shower, "random", 1)

    assert not set(shower[train]) & set(shower[test])
    assert len(test) / len(shower) == pytest.approx(0.2, abs=0.03)
    assert set(shower[mixed_train]) & set(shower[mixed_test])
    assert len(mixed_test) == round(0.2 * len(shower))
    for one, other in ((train, test), (mixed_train, mixed_test)):
        assert sorted([*one, *other]) == list(range(len(shower)))


def test_an_unknown_split_is_refused_with_those_that_are_known(app: Any) -> None:
    """A typing error must not become a random split."""
    with pytest.raises(ValueError, match="'grouped'; allowed: random, by shower"):
        app.data.divide(np.arange(5), "grouped", 1)
