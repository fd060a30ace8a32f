"""Triton's four clients, to be called in one and the same way.

A test that holds for all of them is a method of a class that is decorated with
for_clients; its self.client is then each of them in turn, and the asynchronous ones are
waited for.
"""

import asyncio
import inspect
import os
import sys
import unittest

import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

HTTP_ADDRESS = os.environ["E2E_HTTP"]
GRPC_ADDRESS = os.environ["E2E_GRPC"]

LOOP = asyncio.new_event_loop()

UNNAMED = "[request id: <id_unknown>] "

# What an error is called over HTTP and over gRPC.
STATUS = {
    "invalid": ("400", "StatusCode.INVALID_ARGUMENT"),
    "exists": ("400", "StatusCode.ALREADY_EXISTS"),
    "unknown": ("404", "StatusCode.NOT_FOUND"),
    "internal": ("500", "StatusCode.INTERNAL"),
    "unsupported": ("501", "StatusCode.UNIMPLEMENTED"),
    "unavailable": ("503", "StatusCode.UNAVAILABLE"),
}

# How a gRPC call ends whose deadline has passed: the second when the server notices it first.
LATE = ("StatusCode.DEADLINE_EXCEEDED", "StatusCode.CANCELLED")


class Waiting:
    """An asynchronous client whose calls are waited for."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*args, **kwargs):
            result = found(*args, **kwargs)
            return wait(result) if inspect.isawaitable(result) else result

        return call


def wait(awaitable):
    """Runs what is asynchronous to its end."""
    return LOOP.run_until_complete(awaitable)


class HTTP:
    name = "OverHTTP"
    grpc = False
    module = tritonclient.http

    @staticmethod
    def connect():
        return tritonclient.http.InferenceServerClient(HTTP_ADDRESS)


class HTTPAsync(HTTP):
    name = "OverAsyncHTTP"

    @staticmethod
    def connect():
        async def make():
            return tritonclient.http.aio.InferenceServerClient(HTTP_ADDRESS)

        return Waiting(wait(make()))


class GRPC:
    name = "OverGRPC"
    grpc = True
    module = tritonclient.grpc

    @staticmethod
    def connect():
        return tritonclient.grpc.InferenceServerClient(GRPC_ADDRESS)


class GRPCAsync(GRPC):
    name = "OverAsyncGRPC"

    @staticmethod
    def connect():
        async def make():
            return tritonclient.grpc.aio.InferenceServerClient(GRPC_ADDRESS)

        return Waiting(wait(make()))


class ClientTest(unittest.TestCase):
    """A test with a client of one kind."""

    kind = HTTP

    def setUp(self):
        self.client = self.kind.connect()
        self.addCleanup(self.client.close)

    def input(self, name, array):
        """An input that holds the array."""
        made = self.kind.module.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        made.set_data_from_numpy(array)
        return made

    def output(self, name, **options):
        """A request for an output."""
        return self.kind.module.InferRequestedOutput(name, **options)

    def ask(self, call, *args, **kwargs):
        """Calls, and gives the answer as JSON has it, whole numbers as strings: over gRPC
        some are."""
        if self.kind.grpc:
            kwargs["as_json"] = True
        return words(getattr(self.client, call)(*args, **kwargs))

    def refused(self, status, text, call, *args, **kwargs):
        """Calls, and expects an error of that status and text. The request's id may stand
        before it, and has to if the text begins with it."""
        with self.assertRaises(InferenceServerException) as caught:
            getattr(self.client, call)(*args, **kwargs)
        got = caught.exception.message()
        if not text.startswith(UNNAMED):
            got = got.removeprefix(UNNAMED)
        self.assertEqual((STATUS[status][self.kind.grpc], text), (caught.exception.status(), got))

    def response(self, result):
        """The whole of an answer, but for the tensors' data."""
        if self.kind.grpc:
            return words(result.get_response(as_json=True))
        return words(result.get_response())


def words(value):
    """Makes strings of all whole numbers in what came as JSON."""
    if isinstance(value, dict):
        return {key: words(one) for key, one in value.items()}
    if isinstance(value, list):
        return [words(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def for_clients(*kinds):
    """Makes a class of tests for each kind of client: all four, if none is named."""

    def make(tests):
        module = sys.modules[tests.__module__]
        for kind in kinds or (HTTP, HTTPAsync, GRPC, GRPCAsync):
            name = tests.__name__ + kind.name
            members = {"kind": kind, "__module__": tests.__module__, "__qualname__": name}
            setattr(module, name, type(name, (tests, ClientTest), members))
        return tests

    return make
