"""The installed distributions, and a file that ``pip install -r`` takes.

A line of ``requirements.txt`` is either something that pip can install anywhere, or a
comment that says what was installed and where it came from.
"""

# ruff: noqa: SIM905 - a list of words is read as a text, not as a column of quotes
from __future__ import annotations

import functools
import importlib.metadata
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ml_experiment.record.masking import MASK, mask_uri, without_credentials


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# Versions as PEP 440 has them, normalised or not; pip refuses a whole file for another.
_VERSION = re.compile(
    r"v?(\d+!)?\d+(\.\d+)*"
    r"([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?"
    r"([-_.]?dev[-_.]?\d*)?"
    r"(\+[a-z0-9]+([-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
_SCP_ADDRESS = re.compile(r"(?P<user>[\w.-]+)@(?P<host>[\w.-]+):(?P<path>[^/].*)")
# A folder, or a file that can be imported.
_MODULE = re.compile(r"([^.]+)(\.py|\.[^.]*\.?(so|pyd))?")
_SITE_MARKS = ("/site-packages/", "/dist-packages/")
# What Debian and Ubuntu install for themselves, and no index has.
_OF_THE_SYSTEM = frozenset(
    "python-apt python-debian python-debianbts reportbug ufw command-not-found "
    "systemd-python distro-info unattended-upgrades ubuntu-advantage-tools "
    "ubuntu-drivers-common ubuntu-pro-client language-selector cloud-init apturl "
    "screen-resolution-extra xkit usb-creator ssh-import-id software-properties "
    "pyxdg-system louis brlapi cupshelpers defer".split()
)


@dataclass(frozen=True)
class Package:
    """One installed distribution.

    Attributes:
        name: As its metadata spells it.
        version: Its version; ``""`` if the metadata is broken.
        origin: ``index``, ``conda``, ``system``, ``vcs``, ``archive``, ``local`` or
            ``editable``.
        url: Where it was installed from, if that was no index; without credentials.
        commit: The commit, for ``vcs``.
        installable: What pip is to be told; ``None`` if it cannot install this elsewhere.
        detail: Further words on where it is from.
        imports: Names that it is imported by, where they are not its own.
    """

    name: str
    version: str
    origin: str
    url: str | None = None
    commit: str | None = None
    installable: str | None = None
    detail: str | None = None
    imports: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON form, without what is empty."""
        values = {
            "name": self.name,
            "version": self.version,
            "origin": self.origin,
            "url": self.url,
            "commit": self.commit,
            "imports": list(self.imports) or None,
        }
        return {key: value for key, value in values.items() if value is not None}


@dataclass
class Installed:
    """The distributions that ``import`` finds, and what hides behind them.

    Attributes:
        packages: By name; of several of one name the first on the path.
        shadowed: ``name version`` of those that are never imported.
        broken: Folders of metadata that cannot be read.
    """

    packages: list[Package] = field(default_factory=list)
    shadowed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def normalized(name: str) -> str:
    """Return the name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _read(distribution: importlib.metadata.Distribution, name: str) -> str | None:
    try:
        return distribution.read_text(name)
    except (OSError, ValueError):
        return None


def _folder(distribution: importlib.metadata.Distribution) -> str:
    return str(getattr(distribution, "_path", ""))


def _name_and_version(
    distribution: importlib.metadata.Distribution,
) -> tuple[str, str]:
    """Read the two fields by hand: the e-mail parser takes ten times as long."""
    text = _read(distribution, "METADATA") or _read(distribution, "PKG-INFO") or ""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip().lower(), value.strip())
    stem = _folder(distribution).rpartition("/")[2].rpartition(".")[0]
    from_folder = stem.split("-")
    name = fields.get("name") or from_folder[0]
    version = fields.get("version", "")
    if not version and len(from_folder) > 1 and from_folder[1][:1].isdigit():
        version = from_folder[1]
    return name, version


def _direct_url(distribution: importlib.metadata.Distribution) -> dict[str, Any] | None:
    text = _read(distribution, "direct_url.json")
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.get("url") else None


def _pinned(name: str, version: str) -> str | None:
    if _NAME.fullmatch(name) and _VERSION.fullmatch(version):
        return f"{name}=={version}"
    return None


def _vcs(name: str, version: str, direct: dict[str, Any]) -> Package:
    info = direct["vcs_info"]
    url, commit = (
        without_credentials(str(direct["url"])),
        str(info.get("commit_id", "")),
    )
    scp = _SCP_ADDRESS.fullmatch(url)
    if scp is not None:
        url = f"ssh://{scp['user']}@{scp['host']}/{scp['path']}"
    line = f"{name} @ {info.get('vcs', 'git')}+{url}@{commit}"
    if direct.get("subdirectory"):
        line += f"#subdirectory={direct['subdirectory']}"
    usable = bool(commit) and _NAME.fullmatch(name) and " " not in url
    installable = line if usable else None
    return Package(name, version, "vcs", url, commit or None, installable)


def _from_direct_url(name: str, version: str, direct: dict[str, Any]) -> Package:
    if isinstance(direct.get("vcs_info"), dict):
        return _vcs(name, version, direct)
    url = mask_uri(without_credentials(str(direct["url"])))
    folder = direct.get("dir_info")
    if isinstance(folder, dict):
        kind = "editable" if folder.get("editable") else "local"
        return Package(name, version, kind, url)
    installable = None
    remote = url.startswith(("http://", "https://"))
    if remote and MASK not in url and " " not in url and _NAME.fullmatch(name):
        installable = f"{name} @ {url}"
        archive = direct.get("archive_info") or {}
        digest = (archive.get("hashes") or {}).get("sha256")
        if digest:
            installable += f"#sha256={digest}"
    return Package(name, version, "archive", url, installable=installable)


def _package(distribution: importlib.metadata.Distribution) -> Package:
    name, version = _name_and_version(distribution)
    installer = (_read(distribution, "INSTALLER") or "").strip().lower()
    pinned = _pinned(name, version)
    if installer == "conda":
        # Its direct_url.json names a folder of the machine that built the package.
        return Package(name, version, "conda", installable=pinned)
    direct = _direct_url(distribution)
    if direct is not None:
        return _from_direct_url(name, version, direct)
    folder = _folder(distribution)
    if folder.startswith("/usr/lib/python3/dist-packages"):
        known = normalized(name) in _OF_THE_SYSTEM or version in {"", "0.0.0"}
        return Package(name, version, "system", installable=None if known else pinned)
    if folder.endswith(".egg-info") and not any(mark in folder for mark in _SITE_MARKS):
        place = "file://" + folder.rpartition("/")[0]
        return Package(name, version, "editable", place)
    detail = None if pinned else "its version is none that pip accepts"
    return Package(name, version, "index", installable=pinned, detail=detail)


def _imports(
    distribution: importlib.metadata.Distribution, name: str
) -> tuple[str, ...]:
    """Return the names that a distribution is imported by, if not by its own."""
    listed = _read(distribution, "RECORD") or ""
    tops = {line.partition(",")[0].partition("/")[0] for line in listed.splitlines()}
    modules = {match[1] for top in tops if (match := _MODULE.fullmatch(top))}
    modules |= set((_read(distribution, "top_level.txt") or "").split())
    modules = {module for module in modules if module.isidentifier()}
    modules.discard("__pycache__")
    if modules == {normalized(name).replace("-", "_")}:
        return ()
    return tuple(sorted(modules))


def _distributions(
    path: Sequence[str] | None,
) -> Iterable[importlib.metadata.Distribution]:
    if path is None:
        return importlib.metadata.distributions()
    return importlib.metadata.distributions(path=list(path))


def installed_packages(path: Sequence[str] | None = None) -> Installed:
    """Return all distributions on the import path.

    Args:
        path: The import path; ``sys.path`` if ``None``.
    """
    found = Installed()
    first: dict[str, Package] = {}
    places: set[str] = set()
    for distribution in _distributions(path):
        folder = _folder(distribution)
        if folder.rpartition("/")[2].startswith("~") or (folder and folder in places):
            continue  # what an interrupted pip left behind; a folder twice on the path
        places.add(folder)
        try:
            package = _package(distribution)
            package = replace(package, imports=_imports(distribution, package.name))
        except Exception as error:  # noqa: BLE001 - metadata is anybody's text
            found.broken.append(f"{folder}: {type(error).__name__}: {error}")
            continue
        key = normalized(package.name)
        if not key:
            found.broken.append(f"{folder}: no name")
        elif key in first:
            found.shadowed.append(f"{package.name} {package.version}")
        else:
            first[key] = package
    found.packages = [first[key] for key in sorted(first)]
    return found


def requirements(installed: Installed, python: str) -> str:
    """Return the text of ``requirements.txt``.

    Args:
        installed: What is installed.
        python: Version of Python, for the head line.
    """
    lines = [f"# Python {python}"]
    for package in installed.packages:
        if package.installable is not None:
            lines.append(package.installable)
        else:
            lines.append(_comment(package))
    return "\n".join(lines) + "\n"


def _comment(package: Package) -> str:
    whence = {
        "editable": "editable install from",
        "local": "installed from the folder",
        "archive": "installed from the file",
        "vcs": "installed from",
        "system": "of the operating system",
        "index": "",
    }.get(package.origin, package.origin)
    words = [whence, package.url, package.detail]
    told = " ".join(word for word in words if word)
    text = f"# {package.name}=={package.version or '?'}  ({told})"
    return " ".join(text.splitlines())


def owner_of(path: str) -> str | None:
    """Return the distribution that installed a file, if it lies in a site folder."""
    for mark in _SITE_MARKS:
        site, found, inside = path.rpartition(mark)
        if found:
            top = inside.split("/", 1)[0]
            return _owner_of_folder(site + mark.rstrip("/"), top)
    return None


@functools.cache
def _owner_of_folder(site: str, top: str) -> str | None:
    distributions = list(importlib.metadata.distributions(path=[site]))
    for name in _names_claiming(distributions, top):
        return name
    return None


def _names_claiming(
    distributions: Iterable[importlib.metadata.Distribution], top: str
) -> Iterator[str]:
    others = []
    for distribution in distributions:
        name = _name_and_version(distribution)[0]
        if normalized(name) == normalized(top):
            yield name
        others.append((name, distribution))
    for name, distribution in others:
        if f"\n{top}/" in "\n" + (_read(distribution, "RECORD") or ""):
            yield name
