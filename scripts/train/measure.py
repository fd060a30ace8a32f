"""Runs models with ONNX Runtime and counts how often they are right.

Every number in the models' metadata and in the README comes from here: from the finished
graph, not from the trainer.
"""

from collections import Counter

import numpy as np
import onnxruntime as ort


def session(model):
    """A single-threaded session on a path or on bytes."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(sess, name, rows, size=64):
    """Runs `rows` in batches of `size`. Returns the outputs, by name, for all rows."""
    parts = [sess.run(None, {name: rows[i : i + size]}) for i in range(0, len(rows), size)]
    names = [o.name for o in sess.get_outputs()]
    return {n: np.concatenate(column) for n, column in zip(names, zip(*parts))}


def strings(texts):
    """Texts as the tensor that ONNX Runtime takes."""
    return np.array(texts, dtype=object)


def digits(model, split):
    """How many test images are read right."""
    label = run(session(model), "image", split.test_x)["label"]
    return {"right": int((label == split.test_y).sum()), "of": len(label)}


def language(model, lines):
    """How many lines are named right, and the most common mistakes."""
    texts, wanted = zip(*lines)
    got = run(session(model), "text", strings(texts))["language"]
    wrong = Counter(f"{w} as {g}" for w, g in zip(wanted, got) if w != g)
    mistakes = dict(sorted(wrong.items(), key=lambda kv: (-kv[1], kv[0]))[:8])
    right = len(lines) - wrong.total()
    return {"right": right, "of": len(lines), "mistakes": mistakes}


def percent(score):
    """'95.7 %' and the counts behind it."""
    return f"{100 * score['right'] / score['of']:.1f} % ({score['right']} of {score['of']})"
