"""Small helpers for building, finishing and saving ONNX graphs."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

PRODUCER = "galatea-train"
FLOAT = onnx.TensorProto.FLOAT
INT64 = onnx.TensorProto.INT64
STRING = onnx.TensorProto.STRING


def const(name, value, dtype=None):
    """An initializer called `name`; lists of str become STRING tensors."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return helper.make_tensor(name, STRING, [len(value)], [v.encode() for v in value])
    return numpy_helper.from_array(np.asarray(value, dtype=dtype), name)


def value(name, elem_type, shape):
    """A graph input or output; a str in `shape` is a symbolic dimension."""
    return helper.make_tensor_value_info(name, elem_type, shape)


def build(name, nodes, inputs, outputs, initializers, opset, ir_version, domains=None):
    """Puts a model together. `domains` maps further operator domains to their versions."""
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(d, v) for d, v in (domains or {}).items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def finish(model, doc, metadata):
    """Stamps who made the model, what it is, and what is known about it."""
    model.producer_name = PRODUCER
    model.producer_version = "1"
    model.doc_string = doc
    del model.metadata_props[:]
    helper.set_model_props(model, {k: str(v) for k, v in metadata.items()})
    return model


def to_bytes(model):
    """Serialises with map fields in a fixed order, so that equal models are equal bytes."""
    return model.SerializeToString(deterministic=True)


def save(model, path):
    """Checks and writes the model. It goes to a dot file first: a server that watches the
    folder never sees half a model."""
    onnx.checker.check_model(model)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name("." + path.name + ".part")
    part.write_bytes(to_bytes(model))
    part.replace(path)
    return path.stat().st_size
