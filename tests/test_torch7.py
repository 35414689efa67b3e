"""Files of Lua's Torch: what its writer puts into them comes back; what is cut short or harmful is refused."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import numpy as np
import pytest

from gantool.torch7 import read_torch7

TYPES = {np.float32: "Float", np.float64: "Double", np.uint8: "Byte", np.int64: "Long"}


class Writer:
    """As torch.save of Lua writes in binary form."""

    def __init__(self) -> None:
        self.data = b""
        self.index = 0

    def put(self, form: str, *values: Any) -> None:
        self.data += struct.pack(f"<{form}", *values)

    def text(self, text: str) -> None:
        self.put("i", len(text.encode("latin1")))
        self.data += text.encode("latin1")

    def begin(self, kind: int) -> None:
        self.index += 1
        self.put("ii", kind, self.index)

    def value(self, value: Any) -> None:
        if value is None:
            self.put("i", 0)
        elif isinstance(value, bool):
            self.put("ii", 5, value)
        elif isinstance(value, (int, float)):
            self.put("id", 1, value)
        elif isinstance(value, str):
            self.put("i", 2)
            self.text(value)
        elif isinstance(value, (list, dict)):
            pairs = dict(enumerate(value, 1)) if isinstance(value, list) else value
            self.begin(3)
            self.put("i", len(pairs))
            for key, item in pairs.items():
                self.value(key)
                self.value(item)
        else:
            self.tensor(value)

    def tensor(self, array: np.ndarray) -> None:
        """With a storage that has two numbers more in front, and, where the array is transposed, its strides."""
        name = TYPES[array.dtype.type]
        self.begin(4)
        self.text("V 1")
        self.text(f"torch.{name}Tensor")
        self.put("i", array.ndim)
        for size in array.shape:
            self.put("q", size)
        for stride in array.strides:
            self.put("q", stride // array.itemsize)
        self.put("q", 3)
        self.begin(4)
        self.text("V 1")
        self.text(f"torch.{name}Storage")
        self.put("q", array.size + 2)
        self.data += np.zeros(2, array.dtype).tobytes() + array.tobytes("A" if array.flags.c_contiguous else "F")


def written(value: Any) -> bytes:
    writer = Writer()
    writer.value(value)
    return writer.data


CONTENT = {
    "raw_txt": ["a red bird", "caf\xe9"],
    "fea_txt": [np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(12.0).reshape(3, 4).T],
    "count": 3,
    "share": 0.5,
    "on": True,
    "none": None,
    "bytes": np.arange(5, dtype=np.uint8),
}


def test_what_torch_writes_is_read():
    found = read_torch7(written(CONTENT))
    assert found["raw_txt"] == CONTENT["raw_txt"]
    assert (found["count"], found["share"], found["on"], found["none"]) == (3, 0.5, True, None)
    for one, other in zip([*found["fea_txt"], found["bytes"]], [*CONTENT["fea_txt"], CONTENT["bytes"]], strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)


def test_every_file_that_is_cut_short_is_refused():
    whole = written(CONTENT)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="cut short"):
            read_torch7(whole[:length])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack("<ii", 6, 1), "holds a function"),
        (struct.pack("<iii", 4, 1, 9) + b"nn.Linear" + bytes(8), "holds a nn.Linear, which is no tensor"),
        (b"\x80\x02]q\x00.", "no file of Torch7"),
        (b"".join(struct.pack("<iiiid", 3, depth, 1, 1, 1) for depth in range(1, 100)), "nested too deep"),
    ],
)
def test_what_is_no_file_of_numbers_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        read_torch7(data)


def test_a_tensor_that_reaches_beyond_its_numbers_is_refused():
    data = written(np.arange(4, dtype=np.float32))
    size = data.index(struct.pack("<q", 4))
    for wrong in (5, 2**40, -1):
        with pytest.raises(ValueError, match=r"(beyond|without) its numbers"):
            read_torch7(data[:size] + struct.pack("<q", wrong) + data[size + 8 :])


def test_changed_bytes_never_crash():
    whole, rng = bytearray(written(CONTENT)), np.random.default_rng(0)
    for _ in range(500):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        with contextlib.suppress(ValueError):
            read_torch7(bytes(changed))
