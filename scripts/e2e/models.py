"""The models of internal/e2erepo, and what can be sent to them."""

import ml_dtypes
import numpy as np

# Two rows of four for the identity of each type, with its least and greatest values.
ROWS = {
    "BOOL": np.array([[True, False, True, False], [False, True, True, True]]),
    "FP16": np.array([[0, -0.0, 65504, -65504], [1.5, 6e-8, np.inf, -np.inf]], np.float16),
    "BF16": np.array([[0, -0.0, 3e38, -3e38], [1.5, 1e-40, np.inf, -np.inf]], ml_dtypes.bfloat16),
    "FP32": np.array([[0, -0.0, 3.4e38, -3.4e38], [0.1, 1e-45, np.inf, -np.inf]], np.float32),
    "FP64": np.array([[0, -0.0, 1.7e308, -1.7e308], [0.1, 5e-324, np.inf, -np.inf]], np.float64),
    "BYTES": np.array([[b"a", b"", b"\xc3\xa4\xe6\xbc\xa2", b"a\nb"], [b'"', b"\\", b"0", b"x" * 1000]], np.object_),
}
for _bits in (8, 16, 32, 64):
    for _kind in ("INT", "UINT"):
        _type = np.dtype(f"{_kind.lower()}{_bits}")
        _info = np.iinfo(_type)
        ROWS[f"{_kind}{_bits}"] = np.array([[0, 1, 2, _info.max], [_info.min, 3, 4, 5]], _type)

# Those whose elements JSON has a form for.
JSON_TYPES = [d for d in ROWS if d not in ("FP16", "BF16")]


def identity(datatype):
    """The model that gives x of that type back as y."""
    return "identity_" + datatype.lower()


def strings(*rows):
    """A matrix of strings."""
    return np.array([[one.encode() for one in row] for row in rows], np.object_)


def numbers(*rows, type=np.float32):
    """A matrix of numbers."""
    return np.array(rows, type)


# Two inputs for simple, and what it makes of them.
SIXTEEN = np.arange(16, dtype=np.int32).reshape(1, 16)
ONES = np.ones((1, 16), np.int32)

# What a request that does not fit the shape of a model with batches is told, besides.
BATCH_NOTE = (
    ". NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each"
    " input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting"
    " max_batch_size to zero. See the model configuration docs for more info on max_batch_size."
)
