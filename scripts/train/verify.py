"""Checks a trained model repository with ONNX Runtime: signatures, and that the rows of a
batch do not change each other.

    python scripts/train/verify.py --models model_repo
"""

import argparse
from pathlib import Path

import numpy as np

import corpus
import digits
import measure

DIGITS = (
    [("image", "tensor(float)", ["batch", 8, 8])],
    [("probabilities", "tensor(float)", ["batch", 10]), ("label", "tensor(int64)", ["batch"])],
)
LANGUAGE = (
    [("text", "tensor(string)", ["batch"])],
    [
        ("language", "tensor(string)", ["batch"]),
        ("probabilities", "tensor(float)", ["batch", len(corpus.LANGUAGES)]),
    ],
)
TOLERANCE = 1e-5

ODD_TEXTS = [
    "", " ", "\n\t", "?!... --- ;;;", "12345 67.89", "\u0000", "a", "Z", "\u00df",
    "one line\nand another\r\n\nand one more", "<pad>", "<pad><pad> <pad>",
    "\U0001f600\U0001f44d\U0001f3fd \U0001f469\u200d\U0001f680", "cafe\u0301", "\u200f\u202e\ufeff",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u6f22" * 3000, "x" * 50_000, "\n" * 2000,
    "Where is the nearest train station, please? " * 2000, "!" * 600 + "too late to be read",
]  # fmt: skip


def check_signature(sess, wanted):
    """Names, types and shapes, in order."""
    both = sess.get_inputs(), sess.get_outputs()
    got = tuple([(v.name, v.type, v.shape) for v in values] for values in both)
    assert got == wanted, f"signature is {got}, expected {wanted}"


def check_rows(sess, name, rows):
    """A row gives the same alone, among all rows, and among all rows in another order."""
    together = measure.run(sess, name, rows, size=len(rows))
    alone = measure.run(sess, name, rows, size=1)
    order = np.random.default_rng(0).permutation(len(rows))
    mixed = measure.run(sess, name, rows[order], size=7)
    worst = 0.0
    for output, values in together.items():
        for other, at in ((alone, slice(None)), (mixed, np.argsort(order))):
            if values.dtype == np.float32:
                worst = max(worst, float(np.abs(values - other[output][at]).max()))
            else:
                assert (values == other[output][at]).all(), f"{output} differs between batches"
    assert worst <= TOLERANCE, f"probabilities differ by {worst} between batches"
    return worst


def check_digits(path, split):
    """Real images beside blank, full and far too bright ones."""
    sess = measure.session(str(path))
    check_signature(sess, DIGITS)
    odd = np.stack([np.full((8, 8), v, np.float32) for v in (0, 16, 1e6, -1e6)])
    return check_rows(sess, "image", np.concatenate([split.test_x[:60], odd]))


def check_language(path):
    """Everyday sentences beside texts that are empty, endless or not text at all."""
    sess = measure.session(str(path))
    check_signature(sess, LANGUAGE)
    everyday = [text for text, _ in corpus.everyday()]
    worst = check_rows(sess, "text", measure.strings(ODD_TEXTS + everyday))
    empty = sess.run(None, {"text": measure.strings(["", "\U0001f600 !!! 42"])})
    assert list(empty[0]) == ["unknown", "unknown"]
    assert np.allclose(empty[1], 1 / len(corpus.LANGUAGES))
    return worst


def verify(models):
    """Checks every model; raises on the first that fails."""
    split = digits.load()
    for name in ("digits/1", "digits/2", "digits_int8/1"):
        worst = check_digits(models / name / "model.onnx", split)
        print(f"{name}: signature and rows are right (largest difference {worst:.1e})")
    worst = check_language(models / "language/1/model.onnx")
    print(f"language/1: signature and rows are right (largest difference {worst:.1e})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("model_repo"))
    verify(parser.parse_args().models)
