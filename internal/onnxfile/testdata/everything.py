# Makes everything.onnx with the official ONNX library (onnx 1.23), so that the
# reader is tested on a file that this repository's own writer had no part in.
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

info = h.make_tensor_value_info

then = h.make_graph(
    [h.make_node("Constant", [], ["o"], value=nh.from_array(np.ones(4, np.float32)))],
    "then", [], [info("o", T.FLOAT, [4])])
other = h.make_graph(
    [h.make_node("Identity", ["inner"], ["o2"])],
    "else", [], [info("o2", T.FLOAT, [4])],
    initializer=[nh.from_array(np.zeros(4, np.float32), "inner")])
twice = h.make_function(
    "local", "Twice", ["a"], ["b"], [h.make_node("Add", ["a", "a"], ["b"])], [h.make_opsetid("", 18)])

outside = nh.from_array(np.ones(4, np.float32), "e")
outside.ClearField("raw_data")
outside.data_location = T.EXTERNAL
for key, value in (("location", "weights.bin"), ("offset", "64"), ("length", "16")):
    entry = outside.external_data.add()
    entry.key, entry.value = key, value

graph = h.make_graph(
    [
        h.make_node("If", ["c"], ["i"], then_branch=then, else_branch=other),
        h.make_node("Twice", ["x"], ["t"], domain="local"),
        h.make_node("Add", ["t", "i"], ["y0"]),
        h.make_node("Add", ["y0", "e"], ["y"]),
    ],
    "main",
    [info("x", T.FLOAT, ["batch", 4]), info("c", T.BOOL, []), info("opt", T.INT64, [None, 2])],
    [info("y", T.FLOAT, ["batch", 4])],
    initializer=[
        nh.from_array(np.arange(12, dtype=np.float32).reshape(3, 4), "w"),
        outside,
        h.make_tensor("labels", T.STRING, [2], [b"cat", b"horse"]),
        h.make_tensor("packed", T.FLOAT, [3], [1.0, 2.0, 3.0]),
        h.make_tensor("four", T.INT4, [3], [1, 2, 3]),
        nh.from_array(np.zeros((1, 2), np.int64), "opt"),
    ],
    doc_string="g")
model = h.make_model(
    graph, producer_name="by hand", producer_version="1.2", functions=[twice], ir_version=10,
    opset_imports=[h.make_opsetid("", 21), h.make_opsetid("local", 1)],
    doc_string="a doc", domain="org.example", model_version=7)
h.set_model_props(model, {"author": "someone", "labels": "a,b"})
onnx.save(model, "everything.onnx")
