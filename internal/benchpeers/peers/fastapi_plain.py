"""FastAPI and ONNX Runtime as tutorials put them together: one request is one run.

Started by uvicorn. MODEL is the model's file, ROW the shape of a row ("3,64,64"),
THREADS the threads of a run (empty: the runtime's default).
"""

import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

ROW = [int(n) for n in os.environ["ROW"].split(",")]

options = ort.SessionOptions()
if os.environ.get("THREADS"):
    options.intra_op_num_threads = int(os.environ["THREADS"])
session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])

app = FastAPI()


class Row(BaseModel):
    data: list[float]


class Answer(BaseModel):
    output: list[float]


@app.get("/ready")
async def ready():
    return {"ready": True}


@app.post("/predict", response_model=Answer)
async def predict(row: Row):
    x = np.array(row.data, dtype=np.float32).reshape([1, *ROW])
    y = session.run(None, {"x": x})[0]
    return Answer(output=y[0].tolist())
