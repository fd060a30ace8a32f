"""Requests that keep the model slow at work, while a test asks for more."""

import contextlib
import json
import os
import threading
import time
import urllib.request

PRODUCTS = 400  # of matrices: more than a second on a fast core, some on a slow one


def request(products):
    """The body of a request that takes so many products."""
    tensor = {"name": "x", "shape": [1, 1], "datatype": "INT64", "data": [products]}
    return json.dumps({"inputs": [tensor]}).encode()


@contextlib.contextmanager
def busy(callers=1):
    """As many callers of slow: one of them is answered after the other, and one may wait."""

    def ask():
        url = f"http://{os.environ['E2E_HTTP']}/v2/models/slow/infer"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, request(PRODUCTS), timeout=60):
            pass

    threads = []
    for _ in range(callers):
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
        time.sleep(0.2)
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
