"""MLServer with its adaptive batching: up to BATCH rows or WAIT seconds.

NAME is the model's name, MODEL its file, ROW the shape of a row ("3,64,64"), ANSWER the
length of its answer, PORT where it listens. The working folder receives the settings.
"""

import json
import os
import pathlib
import shutil
import socket
import sys

here = pathlib.Path(__file__).parent
row = [int(n) for n in os.environ["ROW"].split(",")]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(name, settings):
    pathlib.Path(name).write_text(json.dumps(settings))


write(
    "settings.json",
    {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": int(os.environ["PORT"]),
        "grpc_port": free_port(),
        "metrics_endpoint": None,
        "parallel_workers": int(os.environ.get("WORKERS", "1")),
    },
)
write(
    "model-settings.json",
    {
        "name": os.environ["NAME"],
        "implementation": "mlserver_model.Model",
        "max_batch_size": int(os.environ.get("BATCH", "64")),
        "max_batch_time": float(os.environ.get("WAIT", "0.02")),
        "parameters": {"uri": os.environ["MODEL"]},
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, *row]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, int(os.environ["ANSWER"])]}],
    },
)
shutil.copy(here / "mlserver_model.py", ".")
os.environ["PYTHONPATH"] = os.getcwd()
program = pathlib.Path(sys.executable).parent / "mlserver"
os.execv(program, [str(program), "start", "."])
