from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest
from tests.benchmark.published import masked_crc32c, tfrecord

from lmreg.benchmark.tfrecord import masked_crc, record_blocks
from lmreg.errors import LmregError


def contents(path: Path) -> list[bytes]:
    return [record for block in record_blocks(path) for record in block]


def unmasked(checksum: int) -> int:
    rotated = (checksum - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated << 15 | rotated >> 17) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("content", "crc"),
    [  # RFC 3720, B.4, and the customary check value
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_checksums_are_those_of_the_standard(content: bytes, crc: int) -> None:
    assert unmasked(int(masked_crc([content])[0])) == crc


def test_contents_of_all_lengths_are_summed_together() -> None:
    rng = random.Random(0)
    mixed = [rng.randbytes(length) for length in (*range(12), 300, 0, 7, 41, 300)]
    assert masked_crc(mixed).tolist() == [masked_crc32c(content) for content in mixed]
    assert masked_crc([]).tolist() == []


def test_records_come_back_in_order_over_blocks(tmp_path: Path) -> None:
    rng = random.Random(0)
    records = [rng.randbytes(rng.randrange(80)) for _ in range(100)]
    records[50] = rng.randbytes(1500)  # more than a block
    (tmp_path / "file").write_bytes(tfrecord(records))
    assert contents(tmp_path / "file") == records
    for size in (11, 600):
        blocks = list(record_blocks(tmp_path / "file", block_bytes=size))
        assert [record for block in blocks for record in block] == records
        assert len(blocks) > 5


@pytest.fixture(scope="module")
def whole() -> bytes:
    return tfrecord([b"first record", b"second", b"the third"])


@pytest.mark.parametrize("cut", range(1, 12 + 9 + 4))
def test_a_file_cut_off_anywhere_in_its_last_record(tmp_path: Path, whole: bytes, cut: int) -> None:
    (tmp_path / "file").write_bytes(whole[:-cut])
    with pytest.raises(LmregError, match="is cut off in record 3; download it again"):
        contents(tmp_path / "file")


def test_every_changed_bit_is_found(tmp_path: Path, whole: bytes) -> None:
    for place in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << place % 8
        (tmp_path / "file").write_bytes(spoilt)
        with pytest.raises(LmregError, match=r"not a TFRecord file|is damaged in record [23]: wrong"):
            contents(tmp_path / "file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1", "is not a TFRecord file"),
        (b"{}", "is cut off in record 1"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(LmregError, match=message):
        contents(tmp_path / "file")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(LmregError, match=r"can't read .*nothing: No such file"):
        contents(tmp_path / "nothing")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    block = tfrecord([b"x" * 40] * 100)
    peaks = []
    for repeats in (10, 100):  # 56 and 560 kB
        (tmp_path / "file").write_bytes(block * repeats)
        tracemalloc.start()
        assert sum(map(len, record_blocks(tmp_path / "file", block_bytes=2**13))) == 100 * repeats
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 40 * 2**13
