"""Reader of TFRecord files: records of length, its checksum, content, and its checksum.

Format: "TFRecords Format Details" of TensorFlow's documentation; the checksums are masked CRC-32C
(Castagnoli, RFC 3720), all numbers little-endian.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lmreg.errors import LmregError

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, its bits reversed
_MASK = 0xA282EAD8
_ALL_ONES = 0xFFFFFFFF
_BLOCK_BYTES = 2**20
_MOST_PADDED_BYTES = 16 * _BLOCK_BYTES
_HEAD, _FOOT = struct.Struct("<QI"), struct.Struct("<I")


def record_blocks(path: Path, block_bytes: int = _BLOCK_BYTES) -> Iterator[list[bytes]]:
    """Yield the contents of a file's records, about ``block_bytes`` at a time, after checking all checksums.
    A file that is cut off, damaged or not a TFRecord file raises LmregError, which names the record."""
    try:
        with path.open("rb") as file:
            before, rest, more = 0, b"", True
            while more:
                chunk = file.read(block_bytes)
                more = bool(chunk)
                rest += chunk
                records, sums, used = _split(rest, path, before)
                wrong = np.flatnonzero(masked_crc(records) != np.array(sums, np.uint32))
                if len(wrong):
                    raise _damaged(path, before + int(wrong[0]))
                if records:
                    yield records
                before, rest = before + len(records), rest[used:]
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    if rest:
        raise LmregError(f"{path} is cut off in record {before + 1}; download it again")
    if before == 0:
        raise LmregError(f"{path} is empty; download it again")


def _split(data: bytes, path: Path, before: int) -> tuple[list[bytes], list[int], int]:
    """Return the complete records at the start of ``data``, their checksums, and their size in bytes."""
    records: list[bytes] = []
    sums: list[int] = []
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        if checksum != _length_checksum(length):
            raise _damaged(path, before + len(records))
        start = at + _HEAD.size
        end = start + length
        if end + _FOOT.size > len(data):
            break
        records.append(data[start:end])
        sums.append(_FOOT.unpack_from(data, end)[0])
        at = end + _FOOT.size
    return records, sums, at


def _damaged(path: Path, record: int) -> LmregError:
    if record == 0:
        return LmregError(f"{path} is not a TFRecord file: the first record's checksum is wrong")
    return LmregError(f"{path} is damaged in record {record + 1}: wrong checksum; download it again")


@functools.cache
def _length_checksum(length: int) -> int:
    return int(masked_crc([length.to_bytes(8, "little")])[0])


def masked_crc(contents: Sequence[bytes]) -> np.ndarray:
    """Return TensorFlow's masked CRC-32C of each content, uint32 [contents].

    All contents are processed together, aligned at their ends, so that there is one vectorised table look-up
    per byte position instead of one per byte.
    """
    longest = max(map(len, contents), default=0)
    if len(contents) > 1 and len(contents) * longest > _MOST_PADDED_BYTES:
        half = len(contents) // 2
        return np.concatenate([masked_crc(contents[:half]), masked_crc(contents[half:])])
    padded = b"".join(content.rjust(longest, b"\0") for content in contents)
    places = np.ascontiguousarray(np.frombuffer(padded, np.uint8).reshape(len(contents), longest).T)
    starts = longest - np.array([len(content) for content in contents], int)
    starting = {int(start): np.flatnonzero(starts == start) for start in np.unique(starts)}
    crc, table = np.zeros(len(contents), np.uint32), _table()
    for place, values in enumerate(places):
        if place in starting:
            crc[starting[place]] = _ALL_ONES
        crc = table[(crc ^ values) & 0xFF] ^ (crc >> np.uint32(8))
    crc[starts == longest] = _ALL_ONES  # empty contents
    crc = ~crc
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(_MASK)


@functools.cache
def _table() -> np.ndarray:
    """Return the CRC of each byte, uint32 [256]: eight steps of the shift register."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ np.where(table & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return table
