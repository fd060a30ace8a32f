"""FastAPI and ONNX Runtime with the batching queue that is usually written by hand: a
task takes what has come, up to BATCH rows or for WAIT seconds, runs it in a thread,
and hands each caller its row.

Started by uvicorn. MODEL is the model's file, ROW the shape of a row ("3,64,64").
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

ROW = [int(n) for n in os.environ["ROW"].split(",")]
BATCH = int(os.environ.get("BATCH", "64"))
WAIT = float(os.environ.get("WAIT", "0.005"))

session = ort.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
executor = ThreadPoolExecutor(max_workers=1)
queue: asyncio.Queue = asyncio.Queue()


def run(rows):
    return session.run(None, {"x": np.stack(rows)})[0]


async def take():
    """Returns the next batch: pairs of a row and the future of its answer."""
    loop = asyncio.get_running_loop()
    batch = [await queue.get()]
    end = loop.time() + WAIT
    while len(batch) < BATCH:
        try:
            batch.append(queue.get_nowait())
            continue
        except asyncio.QueueEmpty:
            pass
        left = end - loop.time()
        if left <= 0:
            break
        try:
            batch.append(await asyncio.wait_for(queue.get(), left))
        except asyncio.TimeoutError:
            break
    return batch


async def batches():
    loop = asyncio.get_running_loop()
    while True:
        batch = await take()
        try:
            y = await loop.run_in_executor(executor, run, [x for x, _ in batch])
        except Exception as e:  # each caller is told
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(e)
            continue
        for row, (_, answer) in zip(y, batch):
            if not answer.done():
                answer.set_result(row)


@asynccontextmanager
async def lifespan(_: FastAPI):
    task = asyncio.create_task(batches())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


class Row(BaseModel):
    data: list[float]


class Answer(BaseModel):
    output: list[float]


@app.get("/ready")
async def ready():
    return {"ready": True}


@app.post("/predict", response_model=Answer)
async def predict(row: Row):
    answer = asyncio.get_running_loop().create_future()
    await queue.put((np.array(row.data, dtype=np.float32).reshape(ROW), answer))
    return Answer(output=(await answer).tolist())
