"""The digits models: logistic regression (version 1), a small CNN (version 2), and
version 2 with 8-bit weights and activations (digits_int8)."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnxruntime import quantization
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import cnn
import graph

SOURCE = (
    "Optical Recognition of Handwritten Digits, UCI Machine Learning Repository "
    "(E. Alpaydin, C. Kaynak; CC BY 4.0), as bundled with scikit-learn (load_digits)"
)
TEST_IMAGES = 540
OPSET, IR_VERSION = 17, 8

# Chosen by cross-validation over five consecutive blocks of the training images; the test
# images had no part in it.
LOGISTIC_C = 3.0
CNN = dict(c1=16, c2=32, hidden=64, epochs=30, batch=64, rate=2e-3, decay=0.02, dropout=0.5)


@dataclass(frozen=True)
class Split:
    """Images are [N, 8, 8] float32 with values 0..16, as in the data set."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def load():
    """The last 540 of the 1,797 images are the test set, in the data set's own order.

    Neighbouring images tend to be by the same hand, so an unshuffled split asks the harder
    question: how well are hands read that were not learned from?
    """
    data = load_digits()
    x, y = data.images.astype(np.float32), data.target.astype(np.int64)
    return Split(x[:-TEST_IMAGES], y[:-TEST_IMAGES], x[-TEST_IMAGES:], y[-TEST_IMAGES:])


def _model(name, nodes, initializers):
    """Wraps nodes that turn `scaled` (pixels 0..1) into `logits` in the common signature."""
    head = [helper.make_node("Mul", ["image", "one_sixteenth"], ["scaled"])]
    tail = [
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
    ]
    return graph.build(
        name,
        head + nodes + tail,
        [graph.value("image", graph.FLOAT, ["batch", 8, 8])],
        [
            graph.value("probabilities", graph.FLOAT, ["batch", 10]),
            graph.value("label", graph.INT64, ["batch"]),
        ],
        [graph.const("one_sixteenth", 1 / 16, np.float32), *initializers],
        OPSET,
        IR_VERSION,
    )


def logistic_model(split):
    """Version 1: one Gemm and a Softmax."""
    pixels = split.train_x.reshape(-1, 64) / 16
    fit = LogisticRegression(C=LOGISTIC_C, max_iter=3000, tol=1e-6).fit(pixels, split.train_y)
    nodes = [
        helper.make_node("Flatten", ["scaled"], ["pixels"], axis=1),
        helper.make_node("Gemm", ["pixels", "weight", "bias"], ["logits"]),
    ]
    return _model(
        "digits_logistic",
        nodes,
        [
            graph.const("weight", np.ascontiguousarray(fit.coef_.T), np.float32),
            graph.const("bias", fit.intercept_, np.float32),
        ],
    )


def cnn_model(split, seed):
    """Version 2: two convolutions and two dense layers."""
    images = split.train_x[:, None] / 16
    weights = cnn.train(images, split.train_y, seed=seed, **CNN)
    conv = dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    nodes = [
        helper.make_node("Unsqueeze", ["scaled", "channel_axis"], ["pixels"]),
        helper.make_node("Conv", ["pixels", "conv1_w", "conv1_b"], ["conv1"], **conv),
        helper.make_node("Relu", ["conv1"], ["conv1_relu"]),
        helper.make_node("Conv", ["conv1_relu", "conv2_w", "conv2_b"], ["conv2"], **conv),
        helper.make_node("Relu", ["conv2"], ["conv2_relu"]),
        helper.make_node(
            "MaxPool", ["conv2_relu"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "dense1_w", "dense1_b"], ["dense1"]),
        helper.make_node("Relu", ["dense1"], ["dense1_relu"]),
        helper.make_node("Gemm", ["dense1_relu", "dense2_w", "dense2_b"], ["logits"]),
    ]
    initializers = [graph.const("channel_axis", [1], np.int64)]
    initializers += [graph.const(k, v, np.float32) for k, v in weights.items()]
    return _model("digits_cnn", nodes, initializers)


class _Calibration(quantization.CalibrationDataReader):
    """Feeds training images to the quantiser, a hundred at a time."""

    def __init__(self, images):
        self._batches = iter([images[i : i + 100] for i in range(0, len(images), 100)])

    def get_next(self):
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def quantised_model(model, split):
    """Static quantisation: every scale is a constant, measured on the training images.

    (Dynamic quantisation would compute the scales over the whole batch, and so let the rows
    of a batch change each other.) Weights use 7 of their 8 bits, because older x86 processors
    saturate when two full-range 8-bit products are added; with 7 the answers are the same on
    every processor.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(graph.to_bytes(model))
        quantization.quantize_static(
            str(source),
            str(target),
            _Calibration(split.train_x),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv", "MaxPool", "Gemm"],
            per_channel=True,
            reduce_range=True,
            # The scores stay FP32: rounded to 8 bits, two digits could tie.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
        )
        return onnx.load(target)
