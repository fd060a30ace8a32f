"""The model for Triton's Python backend: one run of ONNX Runtime for each batch that
Triton's dynamic batcher hands over.

The parameter "file" in config.pbtxt names the model's file.
"""

import json

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.session = ort.InferenceSession(parameters["file"]["string_value"], providers=["CPUExecutionProvider"])

    def execute(self, requests):
        rows = [pb_utils.get_input_tensor_by_name(r, "x").as_numpy() for r in requests]
        y = self.session.run(None, {"x": rows[0] if len(rows) == 1 else np.concatenate(rows)})[0]
        answers, at = [], 0
        for x in rows:
            part = np.ascontiguousarray(y[at : at + len(x)])
            at += len(x)
            answers.append(pb_utils.InferenceResponse([pb_utils.Tensor("y", part)]))
        return answers
