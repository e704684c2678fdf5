"""Read a config file, YAML or JSON, into values that know their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.config.json_text import read_json_text
from ml_experiment.config.positions import Document, to_document
from ml_experiment.config.yaml_text import read_yaml_text
from ml_experiment.errors import ConfigError, nearest


if TYPE_CHECKING:
    from pathlib import Path

# Reading YAML takes a second for each MB or two; data belongs elsewhere.
_LARGEST_FILE_BYTES = 2_000_000
_OTHER_ENCODINGS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def read_file(path: Path) -> Document:
    """Return what is in a file: JSON if its name ends in ``.json``, else YAML 1.2.

    The document of an empty file has the value ``None``.

    Raises:
        ConfigError: The file cannot be read, or is neither.
    """
    text = _text(path)
    try:
        return parse_text(text, is_json=path.suffix.lower() == ".json")
    except ConfigError as error:
        raise ConfigError(
            error.problem,
            source=path,
            line=error.line,
            field=error.field,
            hint=error.hint,
        ) from None


def parse_text(text: str, *, is_json: bool = False) -> Document:
    """Return the document in a text.

    Raises:
        ConfigError: With ``line`` and ``field``, without a source.
    """
    if is_json and text.strip():
        return to_document(read_json_text(text))
    node = None if is_json else read_yaml_text(text)
    return Document(None) if node is None else to_document(node)


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise ConfigError("this is a folder; a file is needed", source=path)
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError("no such file", source=path, hint=_near(path)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"cannot be read: {reason}", source=path) from None
    except ValueError:  # a null character in the name
        raise ConfigError("no such file", source=repr(str(path))) from None
    if len(data) > _LARGEST_FILE_BYTES:
        raise ConfigError(
            f"got {len(data)} bytes; a config file has at most {_LARGEST_FILE_BYTES}",
            source=path,
        )
    return _decoded(data, path)


def _decoded(data: bytes, path: Path) -> str:
    for mark, name in _OTHER_ENCODINGS.items():
        if data.startswith(mark):
            raise ConfigError(
                f"the file is in {name}; UTF-8 is allowed",
                source=path,
                hint=f"iconv -f {name} -t UTF-8 {path.name}",
            )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the file is not in UTF-8 (byte 0x{data[error.start]:02x})",
            source=path,
            line=data.count(b"\n", 0, error.start) + 1,
            hint="save it as UTF-8",
        ) from None


def _near(path: Path) -> str | None:
    """Suggest a config file beside the one that is not there."""
    try:
        names = sorted(
            each.name
            for each in path.absolute().parent.iterdir()
            if each.suffix.lower() in {".yaml", ".yml", ".json"}
        )
    except OSError:
        return f"the folder {path.parent} is not there either"
    near = nearest(path.name, names)
    return None if near is None else f"did you mean {path.with_name(near)}?"
