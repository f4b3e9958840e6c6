"""Reading the dated tables that ship with the program, and files of the same layout that people write."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tui.base.problems import field_name
from tui.base.toml_files import TomlFileError, read_toml

_MAX_BYTES = 1024 * 1024

_Shape = TypeVar("_Shape", bound=BaseModel)


class DataFileError(Exception):
    """A table that cannot be read or is not one; the text names the file and the field."""


def read_data(path: Path, shape: type[_Shape], what: str, error: type[DataFileError]) -> _Shape:
    """The TOML file ``path`` as ``shape``. ``what`` is what people call such a file.

    Raises:
        DataFileError: As ``error``: the file cannot be read, or a field is wrong (the first one is named).
    """
    try:
        _, document = read_toml(path, _MAX_BYTES)
        return shape.model_validate(document)
    except TomlFileError as broken:
        raise error(f"{what} {path}: {broken}") from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        raise error(f"{what} {path}: {field_name(first['loc'])}: {first['msg']}") from None
