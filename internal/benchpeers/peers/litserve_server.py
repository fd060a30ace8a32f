"""LitServe with its batching, up to BATCH rows or WAIT seconds, and its faster queue.

MODEL is the model's file, ROW the shape of a row ("3,64,64"), PORT where it listens.
"""

import os

import litserve as ls
import numpy as np
import onnxruntime as ort

ROW = [int(n) for n in os.environ["ROW"].split(",")]
BATCH = int(os.environ.get("BATCH", "64"))
WAIT = float(os.environ.get("WAIT", "0.02"))


class Model(ls.LitAPI):
    def setup(self, device):
        self.session = ort.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])

    def decode_request(self, request):
        return np.array(request["data"], dtype=np.float32).reshape(ROW)

    def batch(self, inputs):
        return np.stack(inputs)

    def predict(self, x):
        return self.session.run(None, {"x": x})[0]

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return {"output": output.tolist()}


if __name__ == "__main__":
    model = Model(max_batch_size=BATCH, batch_timeout=WAIT)
    server = ls.LitServer(model, accelerator="cpu", timeout=60, fast_queue=True)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning", generate_client_file=False)
