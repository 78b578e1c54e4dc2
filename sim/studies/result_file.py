"""The file of one result: named arrays and tables, exact to the bit, without code.

The file is a zip archive, ``arrays/NAME.npy`` and ``tables/NAME.arrow``; NumPy opens it as an
``npz``. Every member has a checksum, the index stands at the end, and the comment says how many
members there are, so that a file which was cut off or corrupted is known as such.
"""

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote, unquote
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api.types import is_object_dtype

_ARRAYS, _TABLES = "arrays", "tables"
_CORRUPTIONS: tuple[type[Exception], ...] = (
    *(OSError, ValueError, EOFError, LookupError, MemoryError, RuntimeError),
    *(BadZipFile, struct.error, zlib.error, pa.ArrowException),
)
"""What reading a corrupted archive may raise."""


class CorruptedError(Exception):
    """The file is no whole archive."""


class Result(NamedTuple):
    """What came of one task."""

    arrays: Mapping[str, NDArray[Any]]
    tables: Mapping[str, pd.DataFrame]


def write_archive(file: BinaryIO, result: Result) -> None:
    """Write arrays of numbers, text or times, and tables.

    Equal results give equal bytes. A missing value in a column of objects is read as ``None``.
    """
    with ZipFile(file, "w") as archive:
        for name, array in result.arrays.items():
            member = ZipInfo(f"{_ARRAYS}/{quote(name, safe='')}.npy")
            with archive.open(member, "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.asanyarray(array), allow_pickle=False)
        for name, table in result.tables.items():
            member = ZipInfo(f"{_TABLES}/{quote(name, safe='')}.arrow")
            archive.writestr(member, _to_arrow(table))
        archive.comment = _count(archive)


def read_archive(path: Path) -> Result:
    """Return the arrays and tables of a file; ``CorruptedError`` where it is not whole."""
    arrays, tables = {}, {}
    try:
        with ZipFile(path) as archive:
            _require_all(archive)
            for member in archive.namelist():
                folder, _, file = member.rpartition("/")
                name = unquote(file.rpartition(".")[0])
                if folder == _ARRAYS:
                    arrays[name] = _to_array(archive.read(member))
                else:
                    tables[name] = _to_table(archive.read(member))
    except _CORRUPTIONS as error:
        raise CorruptedError(f"{path}: {error}") from error
    return Result(arrays, tables)


def is_whole(path: Path) -> bool:
    """Whether every member of an archive has its checksum."""
    try:
        with ZipFile(path) as archive:
            _require_all(archive)
            return archive.testzip() is None
    except _CORRUPTIONS:
        return False


def _count(archive: ZipFile) -> bytes:
    return str(len(archive.namelist())).encode()


def _require_all(archive: ZipFile) -> None:
    """Raise ``BadZipFile`` where the index lacks members: one wrong length in it hides others."""
    if archive.comment != _count(archive):
        raise BadZipFile("the index is corrupted")


def _to_array(content: bytes) -> NDArray[Any]:
    array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array


def _to_arrow(table: pd.DataFrame) -> bytes:
    arrow = pa.Table.from_pandas(table)
    for at, kind in enumerate(table.dtypes):
        if isinstance(kind, np.dtype) and kind.kind == "f":
            # Arrow would take NaN for "missing", and give back one NaN for all that there are
            column = pa.array(table.iloc[:, at].to_numpy(), from_pandas=False)
            arrow = arrow.set_column(at, arrow.field(at), column)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, arrow.schema) as stream:
        stream.write_table(arrow)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _to_table(content: bytes) -> pd.DataFrame:
    arrow = pa.ipc.open_stream(content).read_all()
    table: pd.DataFrame = arrow.to_pandas()
    for at, column in enumerate(arrow.schema.pandas_metadata["columns"][: table.shape[1]]):
        if column["numpy_type"] == "object" and not is_object_dtype(table.dtypes.iloc[at]):
            # pandas takes objects that are all text for its own type of text
            values = pd.Series(arrow.column(at).to_pylist(), index=table.index, dtype=object)
            table[table.columns[at]] = values
    return table
