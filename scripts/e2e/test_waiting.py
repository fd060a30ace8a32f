"""What happens to a request that waits, and to one that its caller gives up."""

import asyncio
import time

import tritonclient.http
import tritonclient.http.aio
from busy import busy
from clients import HTTP, HTTP_ADDRESS, UNNAMED, ClientTest, for_clients, wait
from models import numbers

LITTLE = numbers([1], type="int64")
MUCH = numbers([400], type="int64")


@for_clients()
class Queue:
    def test_a_full_queue_refuses(self):
        with busy(2):
            self.refused(
                "unavailable", UNNAMED + "Exceeds maximum queue size", "infer", "slow", [self.input("x", LITTLE)]
            )

    def test_a_request_that_has_waited_too_long_is_refused(self):
        with busy():
            began = time.monotonic()
            text = UNNAMED + "Request timeout expired"
            self.refused("unavailable", text, "infer", "slow", [self.input("x", LITTLE)], timeout=50_000)
            self.assertLess(time.monotonic() - began, 5)

    def test_a_request_that_may_wait_is_answered(self):
        with busy():
            got = self.client.infer("slow", [self.input("x", LITTLE)], timeout=9_000_000).as_numpy("y")
        self.assertEqual([[1]], got.tolist())


class LeavingOverHTTP(ClientTest):
    kind = HTTP

    def test_a_caller_who_has_left_leaves_no_work_behind(self):
        client = tritonclient.http.InferenceServerClient(HTTP_ADDRESS, network_timeout=0.2)
        self.assertRaises(OSError, client.infer, "slow", [self.input("x", MUCH)])
        client.close()
        began = time.monotonic()
        self.client.infer("slow", [self.input("x", LITTLE)])
        self.assertLess(time.monotonic() - began, 0.4)


class LeavingOverAsyncHTTP(ClientTest):
    kind = HTTP

    def test_a_call_takes_no_longer_than_it_may(self):
        async def ask():
            async with tritonclient.http.aio.InferenceServerClient(HTTP_ADDRESS, conn_timeout=0.2) as client:
                await client.infer("slow", [self.input("x", MUCH)])

        self.assertRaises(asyncio.TimeoutError, wait, ask())
