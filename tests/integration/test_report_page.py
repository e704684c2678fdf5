"""The report in a browser: figures are drawn, nothing goes wrong, nothing sticks out."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.group_directories import failed_group, mixed_group

from ml_experiment.verify.report import write_report


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

WIDE, NARROW = 1400, 420
# Runs in the page, before all else: what the browser refuses is counted.
_WATCH = """
window.refused = [];
document.addEventListener("securitypolicyviolation",
  (event) => window.refused.push(event.violatedDirective + " " + event.blockedURI));
"""
# Runs in the page when it is drawn, and hands out what it finds.
_PROBE = """
const waiting = setInterval(() => {
  const root = document.documentElement;
  const plots = document.querySelectorAll(".plot").length;
  const done = root.dataset.figures ?? "0 of 0";
  if (plots > 0 && !done.startsWith(plots + " ")) return;
  clearInterval(waiting);
  const found = {
    figures: done, errors: window.reportErrors, refused: window.refused,
    plots: plots, drawings: document.querySelectorAll(".plot .main-svg").length,
    marks: document.querySelectorAll(".plot path.point, .plot .points path").length,
    lines: document.querySelectorAll(".plot path.js-line").length,
    width: window.innerWidth, room: root.clientWidth, content: root.scrollWidth,
    background: getComputedStyle(document.body).backgroundColor,
    ...(() => { ACTION })(),
  };
  parent.postMessage(JSON.stringify(found), "*");
}, 50);
"""
# Chromium's windows have a least width, so the page is put into a frame.
_FRAME = """
<body>
<script>
addEventListener("message", (event) => {
  const note = document.createElement("pre");
  note.id = "found";
  note.textContent = event.data;
  document.body.append(note);
});
</script>
<iframe src="page.html" width="WIDTH" height="900" style="border: 0"></iframe>
</body>
"""


def look_at(
    run: RunDirectory,
    folder: Path,
    *options: str,
    width: int = WIDE,
    action: str = "return {};",
) -> dict[str, Any]:
    """Open a group's report in Chromium.

    Args:
        run: The group.
        folder: For files of the browser's.
        options: More options of the browser.
        width: Of what is seen, in pixels.
        action: What to do when the page is drawn, in JavaScript; returns an object.
    """
    page = write_report(run, folder / "page.html").read_text(encoding="utf-8")
    probe = _PROBE.replace("ACTION", action)
    page = page.replace("<script>", f"<script>{_WATCH}</script><script>", 1)
    page = page.replace("</body>", f"<script>{probe}</script></body>")
    (folder / "page.html").write_text(page, encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(_FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    text = _dom(frame, folder, *options)
    note = re.search(r'<pre id="found">(.*?)</pre>', text, re.DOTALL)
    assert note is not None, text[-2000:]
    found: dict[str, Any] = json.loads(html.unescape(note.group(1)))
    return found


def _dom(path: Path, folder: Path, *options: str) -> str:
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={WIDE + 100},1000",
            "--virtual-time-budget=120000",
            *options,
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_all_figures_are_drawn_without_an_error(width: int, tmp_path: Path) -> None:
    """Wide and narrow: every figure, no script error, nothing refused or sticking out."""
    found = look_at(mixed_group(tmp_path / "g", 40), tmp_path, width=width)

    assert found["plots"] >= 10
    assert found["figures"] == f"{found['plots']} of {found['plots']}"
    assert found["errors"] == found["refused"] == []
    assert found["drawings"] >= found["plots"]
    assert found["marks"] > 100
    assert found["lines"] > 40
    assert found["width"] == width
    assert found["content"] <= found["room"]


def test_several_metrics_are_drawn(tmp_path: Path) -> None:
    """Histories and fronts of three metrics."""
    found = look_at(mixed_group(tmp_path / "g", 20, metrics=3), tmp_path)

    assert found["figures"] == f"{found['plots']} of {found['plots']}"
    assert found["errors"] == found["refused"] == []


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_a_trial_is_no_trouble(count: int, tmp_path: Path) -> None:
    """A page with nothing or next to nothing on it has no error either."""
    found = look_at(mixed_group(tmp_path / "g", count), tmp_path)

    assert found["errors"] == found["refused"] == []


def test_a_failed_group_has_a_timeline(tmp_path: Path) -> None:
    """Where nothing else can be drawn."""
    found = look_at(failed_group(tmp_path / "g"), tmp_path)

    assert found["figures"] == "1 of 1"
    assert found["errors"] == []


@pytest.mark.slow
def test_two_thousand_trials_are_drawn(tmp_path: Path) -> None:
    """The largest groups open, too."""
    found = look_at(mixed_group(tmp_path / "g", 2000), tmp_path)

    assert found["figures"] == f"{found['plots']} of {found['plots']}"
    assert found["errors"] == []


def test_dark_and_light_follow_the_reader(tmp_path: Path) -> None:
    """The page takes the colours that the reader's system prefers."""
    run = mixed_group(tmp_path / "g", 5)

    light = look_at(run, tmp_path, "--blink-settings=preferredColorScheme=1")
    dark = look_at(run, tmp_path, "--blink-settings=preferredColorScheme=0")

    assert light["background"] == "rgb(246, 247, 249)"
    assert dark["background"] == "rgb(18, 22, 28)"
    assert dark["errors"] == []


_SORT = """
  const column = (at) => [...document.querySelectorAll("#trials tbody tr")]
    .map((row) => row.cells[at].dataset.v ?? row.cells[at].textContent);
  const press = (at) => document.querySelectorAll("#trials th button")[at].click();
  press(2); const up = column(2);
  press(2); const down = column(2);
  press(0); const numbers = column(0);
  const state = document.getElementById("state");
  state.value = "failed"; state.dispatchEvent(new Event("change"));
  const left = [...document.querySelectorAll("#trials tbody tr")]
    .filter((row) => !row.hidden).map((row) => row.dataset.state);
  return { up, down, numbers, left, said: document.getElementById("shown").textContent };
"""


def test_the_table_is_sorted_and_filtered(tmp_path: Path) -> None:
    """By exact values, those without one last; and by state."""
    run = mixed_group(tmp_path / "g", 14)

    found = look_at(run, tmp_path, action=_SORT)

    values = [float(each) for each in found["up"] if each]
    assert len(values) == 10
    assert values == sorted(values)
    assert [float(each) for each in found["down"] if each] == values[::-1]
    assert found["up"][10:] == found["down"][10:] == [""] * 4
    assert found["numbers"] == [str(number) for number in range(14)]
    assert found["left"] == ["failed"] * 2
    assert found["said"] == "2 trials"
