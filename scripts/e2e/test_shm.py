"""Tensors in shared memory of the system."""

import base64
import itertools

import numpy as np
import tritonclient.utils.shared_memory as shm
from clients import for_clients
from models import ONES, ROWS, SIXTEEN, identity, numbers
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

_numbers = itertools.count()
FOUR = numbers([1, 2, 3, 4])


class Regions:
    """Tests that make regions, which are gone afterwards."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.client.unregister_system_shared_memory)

    def make(self, size, *arrays):
        """A region that this process knows, not yet the server: its name, its key and its handle."""
        name = f"region{next(_numbers)}"
        key = f"/galatea_e2e_{name}"
        handle = shm.create_shared_memory_region(name, key, size, create_only=True)
        self.addCleanup(shm.destroy_shared_memory_region, handle)
        if arrays:
            shm.set_shared_memory_region(handle, arrays)
        return name, key, handle

    def register(self, size, *arrays, **options):
        """A region that the server knows, too."""
        name, key, handle = self.make(size, *arrays)
        self.client.register_system_shared_memory(name, key, size, **options)
        return name, handle

    def shared(self, name, datatype, shape, region, size, offset=0):
        """An input that lies in a region."""
        made = self.kind.module.InferInput(name, list(shape), datatype)
        made.set_shared_memory(region, size, offset)
        return made

    def into(self, name, region, size, offset=0):
        """A request for an output into a region."""
        made = self.output(name)
        made.set_shared_memory(region, size, offset)
        return made

    def regions(self, *which):
        """What is registered, by name."""
        got = self.ask("get_system_shared_memory_status", *which)
        if self.kind.grpc:
            return got.get("regions", {})
        return {one["name"]: one for one in got}


@for_clients()
class Register(Regions):
    def test_nothing_is_registered_at_first(self):
        self.assertEqual({}, self.regions())

    def test_a_region_can_be_registered(self):
        name, key, _ = self.make(64)
        self.client.register_system_shared_memory(name, key, 64)
        got = self.regions()[name]
        self.assertEqual((name, key, "64"), (got["name"], got["key"], got["byte_size"]))
        self.assertEqual("0", got.get("offset", "0"))

    def test_a_part_of_a_region_can_be_registered(self):
        name, key, _ = self.make(64)
        self.client.register_system_shared_memory(name, key, 32, offset=16)
        got = self.regions(name)[name]
        self.assertEqual(("16", "32"), (got["offset"], got["byte_size"]))

    def test_the_status_of_one_region_is_that_alone(self):
        first, _ = self.register(64)
        self.register(64)
        self.assertEqual([first], list(self.regions(first)))

    def test_a_region_can_be_unregistered(self):
        first, _ = self.register(64)
        second, _ = self.register(64)
        self.client.unregister_system_shared_memory(first)
        self.assertEqual([second], list(self.regions()))

    def test_all_can_be_unregistered(self):
        self.register(64)
        self.register(64)
        self.client.unregister_system_shared_memory()
        self.assertEqual({}, self.regions())

    def test_what_is_not_registered_may_be_unregistered(self):
        self.client.unregister_system_shared_memory("nobody")

    def test_a_region_twice_is_refused(self):
        name, key, _ = self.make(64)
        self.client.register_system_shared_memory(name, key, 64)
        text = f"shared memory region '{name}' already in manager"
        self.refused("exists", text, "register_system_shared_memory", name, key, 64)

    def test_a_key_that_there_is_not_is_refused(self):
        text = "Unable to open shared memory region: '/galatea_e2e_none'"
        self.refused("internal", text, "register_system_shared_memory", "none", "/galatea_e2e_none", 64)

    def test_more_than_there_is_is_refused(self):
        name, key, _ = self.make(64)
        self.assertRaises(InferenceServerException, self.client.register_system_shared_memory, name, key, 1 << 20)
        self.assertEqual({}, self.regions())

    def test_an_unknown_region_has_no_status(self):
        text = "Unable to find system shared memory region: 'nobody'"
        self.refused("unknown", text, "get_system_shared_memory_status", "nobody")

    def test_no_memory_of_a_gpu_is_registered(self):
        got = self.ask("get_cuda_shared_memory_status")
        self.assertEqual({} if self.kind.grpc else [], got)

    def test_memory_of_a_gpu_is_refused(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.register_cuda_shared_memory("r", base64.b64encode(bytes(64)), 0, 64)
        self.assertIn("CUDA", caught.exception.message())

    def test_memory_of_a_gpu_may_be_unregistered(self):
        self.client.unregister_cuda_shared_memory()
        self.client.unregister_cuda_shared_memory("nobody")


@for_clients()
class Infer(Regions):
    def test_simple_in_shared_memory(self):
        given, _ = self.register(128, SIXTEEN, ONES)
        taken, handle = self.register(128)
        inputs = [
            self.shared("INPUT0", "INT32", (1, 16), given, 64),
            self.shared("INPUT1", "INT32", (1, 16), given, 64, 64),
        ]
        outputs = [self.into("OUTPUT0", taken, 64), self.into("OUTPUT1", taken, 64, 64)]
        result = self.client.infer("simple", inputs, outputs=outputs)
        got = shm.get_contents_as_numpy(handle, np.int32, [2, 16])
        self.assertEqual([(SIXTEEN + ONES)[0].tolist(), (SIXTEEN - ONES)[0].tolist()], got.tolist())
        for one in self.response(result)["outputs"]:
            self.assertNotIn("data", one)

    def test_every_type_in_shared_memory(self):
        for datatype, rows in ROWS.items():
            with self.subTest(datatype):
                sent = serialize_byte_tensor(rows) if datatype == "BYTES" else rows
                size = len(sent.item()) if datatype == "BYTES" else rows.nbytes
                given, _ = self.register(size, sent)
                taken, handle = self.register(size)
                x = self.shared("x", datatype, rows.shape, given, size)
                self.client.infer(identity(datatype), [x], outputs=[self.into("y", taken, size)])
                got = shm.get_contents_as_numpy(handle, rows.dtype, rows.shape)
                self.assertEqual(rows.tolist(), got.tolist())

    def test_an_input_in_shared_memory_and_an_output_in_the_answer(self):
        given, _ = self.register(16, FOUR)
        result = self.client.infer("scale", [self.shared("x", "FP32", (1, 4), given, 16)])
        self.assertEqual((2 * FOUR).tolist(), result.as_numpy("y").tolist())

    def test_an_input_in_the_request_and_an_output_in_shared_memory(self):
        taken, handle = self.register(16)
        self.client.infer("scale", [self.input("x", FOUR)], outputs=[self.into("y", taken, 16)])
        self.assertEqual((2 * FOUR).tolist(), shm.get_contents_as_numpy(handle, np.float32, (1, 4)).tolist())

    def test_one_input_in_shared_memory_and_the_other_in_the_request(self):
        given, _ = self.register(64, SIXTEEN)
        inputs = [self.shared("INPUT0", "INT32", (1, 16), given, 64), self.input("INPUT1", ONES)]
        got = self.client.infer("simple", inputs).as_numpy("OUTPUT0")
        self.assertEqual((SIXTEEN + ONES).tolist(), got.tolist())

    def test_one_output_in_shared_memory_and_the_other_in_the_answer(self):
        taken, handle = self.register(64)
        inputs = [self.input("INPUT0", SIXTEEN), self.input("INPUT1", ONES)]
        result = self.client.infer("simple", inputs, outputs=[self.into("OUTPUT0", taken, 64), self.output("OUTPUT1")])
        self.assertEqual((SIXTEEN - ONES).tolist(), result.as_numpy("OUTPUT1").tolist())
        self.assertEqual((SIXTEEN + ONES).tolist(), shm.get_contents_as_numpy(handle, np.int32, (1, 16)).tolist())

    def test_the_same_region_for_input_and_output(self):
        name, handle = self.register(16, FOUR)
        self.client.infer("scale", [self.shared("x", "FP32", (1, 4), name, 16)], outputs=[self.into("y", name, 16)])
        self.assertEqual((2 * FOUR).tolist(), shm.get_contents_as_numpy(handle, np.float32, (1, 4)).tolist())

    def test_what_is_written_later_counts(self):
        given, handle = self.register(16, FOUR)
        for factor in (1, 10):
            shm.set_shared_memory_region(handle, [factor * FOUR])
            result = self.client.infer("scale", [self.shared("x", "FP32", (1, 4), given, 16)])
            self.assertEqual((2 * factor * FOUR).tolist(), result.as_numpy("y").tolist())

    def test_an_offset_adds_to_that_of_the_region(self):
        name, key, _ = self.make(48, FOUR, 2 * FOUR, 3 * FOUR)
        self.client.register_system_shared_memory(name, key, 32, offset=16)
        result = self.client.infer("scale", [self.shared("x", "FP32", (1, 4), name, 16, 16)])
        self.assertEqual((6 * FOUR).tolist(), result.as_numpy("y").tolist())

    def test_an_unknown_region_is_refused(self):
        x = self.shared("x", "FP32", (1, 4), "nobody", 16)
        self.refused("unknown", "Unable to find shared memory region: 'nobody'", "infer", "scale", [x])

    def test_an_unknown_region_for_an_output_is_refused(self):
        text = "Unable to find shared memory region: 'nobody'"
        self.refused("unknown", text, "infer", "scale", [self.input("x", FOUR)], outputs=[self.into("y", "nobody", 16)])

    def test_an_offset_behind_the_region_is_refused(self):
        name, _ = self.register(16, FOUR)
        x = self.shared("x", "FP32", (1, 4), name, 16, 16)
        self.refused("invalid", f"Invalid offset for shared memory region: '{name}'", "infer", "scale", [x])

    def test_an_end_behind_the_region_is_refused(self):
        name, _ = self.register(16, FOUR)
        x = self.shared("x", "FP32", (1, 4), name, 16, 8)
        text = f"Invalid offset + byte size for shared memory region: '{name}'"
        self.refused("invalid", text, "infer", "scale", [x])

    def test_an_output_that_is_too_large_is_refused(self):
        name, _ = self.register(8)
        text = (
            "shared memory size specified with the request for output 'y' (8 bytes) should be at least 16 bytes to"
            " hold the results"
        )
        self.refused("internal", text, "infer", "scale", [self.input("x", FOUR)], outputs=[self.into("y", name, 8)])

    def test_fewer_bytes_than_the_shape_needs_are_refused(self):
        name, _ = self.register(16, FOUR)
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("scale", [self.shared("x", "FP32", (1, 4), name, 8)])
        self.assertIn("'x'", caught.exception.message())
