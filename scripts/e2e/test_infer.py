"""Inferences that all four clients can make, with tensors in binary form."""

import numpy as np
from clients import UNNAMED, for_clients
from models import BATCH_NOTE, ONES, ROWS, SIXTEEN, identity, numbers, strings
from tritonclient.utils import InferenceServerException

FOUR = numbers([1, 2, 3, 4])


@for_clients()
class Types:
    """One method for each data type is added below."""

    def there_and_back(self, datatype):
        rows = ROWS[datatype]
        result = self.client.infer(identity(datatype), [self.input("x", rows)])
        got = result.as_numpy("y")
        self.assertEqual((rows.dtype, rows.shape), (got.dtype, got.shape))
        if datatype == "BYTES":
            self.assertEqual(rows.tolist(), got.tolist())
        else:
            self.assertEqual(rows.tobytes(), got.tobytes())

    def test_not_a_number_comes_back_bit_by_bit(self):
        rows = np.array([[0x7FC00001, 0xFFC00000, 0x7F800001, 0x80000000]], np.uint32).view(np.float32)
        got = self.client.infer("identity_fp32", [self.input("x", rows)]).as_numpy("y")
        self.assertEqual(rows.tobytes(), got.tobytes())

    def test_megabytes_come_back(self):
        rows = np.random.default_rng(1).random((64, 65536), np.float32)
        got = self.client.infer("softmax", [self.input("x", rows)]).as_numpy("y")
        self.assertEqual(rows.shape, got.shape)
        self.assertTrue(np.allclose(got.sum(axis=1), 1, atol=1e-3))


def _add_types():
    for datatype in ROWS:

        def test(self, datatype=datatype):
            self.there_and_back(datatype)

        for kind in ("HTTP", "AsyncHTTP", "GRPC", "AsyncGRPC"):
            setattr(globals()[f"TypesOver{kind}"], f"test_{datatype}_comes_back_as_it_was", test)


_add_types()


@for_clients()
class Infer:
    def simple(self, **options):
        return self.client.infer("simple", [self.input("INPUT0", SIXTEEN), self.input("INPUT1", ONES)], **options)

    def test_simple_adds_and_subtracts(self):
        result = self.simple()
        self.assertEqual((SIXTEEN + ONES).tolist(), result.as_numpy("OUTPUT0").tolist())
        self.assertEqual((SIXTEEN - ONES).tolist(), result.as_numpy("OUTPUT1").tolist())

    def test_inputs_come_in_any_order(self):
        result = self.client.infer("simple", [self.input("INPUT1", ONES), self.input("INPUT0", SIXTEEN)])
        self.assertEqual((SIXTEEN - ONES).tolist(), result.as_numpy("OUTPUT1").tolist())

    def test_an_answer_says_who_gave_it(self):
        got = self.response(self.simple(request_id="mine"))
        self.assertEqual(("simple", "1", "mine"), (got["model_name"], got["model_version"], got["id"]))

    def test_an_answer_without_an_id_has_none(self):
        self.assertNotIn("id", self.response(self.simple()))

    def test_an_answer_describes_its_outputs(self):
        outputs = self.response(self.simple())["outputs"]
        got = [(one["name"], one["datatype"], one["shape"]) for one in outputs]
        self.assertEqual([("OUTPUT0", "INT32", ["1", "16"]), ("OUTPUT1", "INT32", ["1", "16"])], got)

    def test_only_what_is_asked_for_comes(self):
        result = self.simple(outputs=[self.output("OUTPUT1")])
        self.assertEqual((SIXTEEN - ONES).tolist(), result.as_numpy("OUTPUT1").tolist())
        self.assertIsNone(result.as_numpy("OUTPUT0"))

    def test_outputs_can_be_had_one_by_one(self):
        got = self.simple().get_output("OUTPUT0")
        self.assertEqual("OUTPUT0", got.name if self.kind.grpc else got["name"])

    def test_the_newest_version_answers(self):
        result = self.client.infer("scale", [self.input("x", FOUR)])
        self.assertEqual([[2, 4, 6, 8]], result.as_numpy("y").tolist())
        self.assertEqual("2", self.response(result)["model_version"])

    def test_a_version_answers_that_is_asked_for(self):
        result = self.client.infer("scale", [self.input("x", FOUR)], model_version="1")
        self.assertEqual([[1, 2, 3, 4]], result.as_numpy("y").tolist())
        self.assertEqual("1", self.response(result)["model_version"])

    def test_many_rows_are_answered(self):
        rows = np.arange(256, dtype=np.float32).reshape(64, 4)
        got = self.client.infer("scale", [self.input("x", rows)]).as_numpy("y")
        self.assertEqual((2 * rows).tolist(), got.tolist())

    def test_strings_are_joined(self):
        inputs = [
            self.input("a", strings(["good "], ["bad "])),
            self.input("b", strings(["morning"], ["\u00e4\u6f22"])),
        ]
        got = self.client.infer("concat", inputs).as_numpy("y")
        self.assertEqual(strings(["good morning"], ["bad \u00e4\u6f22"]).tolist(), got.tolist())

    def test_fixed_length_strings_of_numpy_are_taken(self):
        words = np.array([b"Ant", b"BEE", b""])
        got = self.client.infer("lower", [self.input("x", words)]).as_numpy("y")
        self.assertEqual([b"ant", b"bee", b""], got.tolist())

    def test_inputs_of_any_length_are_taken(self):
        for length in (1, 3, 17):
            x, mask = numbers([1] * length), numbers([1] * length, type=np.int64)
            result = self.client.infer("masked", [self.input("x", x), self.input("mask", mask)])
            self.assertEqual([[length]], result.as_numpy("sum").tolist())
            self.assertEqual([[2] * length], result.as_numpy("twice").tolist())

    def test_an_optional_input_may_be_left_out(self):
        result = self.client.infer("bias", [self.input("x", FOUR)])
        self.assertEqual([[2, 4, 6, 8]], result.as_numpy("y").tolist())

    def test_an_optional_input_may_be_given(self):
        result = self.client.infer("bias", [self.input("x", FOUR), self.input("b", numbers([10, 0, 0, 0])[0])])
        self.assertEqual([[11, 2, 3, 4]], result.as_numpy("y").tolist())

    def test_a_model_without_inputs_answers(self):
        self.assertEqual([1, 2, 3, 4], self.client.infer("constant", []).as_numpy("y").tolist())

    def test_a_priority_is_taken(self):
        for priority in (1, 2, 9):
            result = self.client.infer("levels", [self.input("x", FOUR)], priority=priority)
            self.assertEqual([[3, 6, 9, 12]], result.as_numpy("y").tolist())

    def test_a_timeout_is_taken(self):
        self.assertIsNotNone(self.simple(timeout=5_000_000).as_numpy("OUTPUT0"))

    def test_parameters_of_the_callers_own_are_taken(self):
        self.assertIsNotNone(
            self.simple(parameters={"text": "x", "whole": -1, "part": 0.5, "yes": True}).as_numpy("OUTPUT0")
        )

    def test_a_sequence_means_nothing_to_a_model_without_them(self):
        for sequence in (7, "seven"):
            got = self.simple(sequence_id=sequence, sequence_start=True, sequence_end=True)
            self.assertIsNotNone(got.as_numpy("OUTPUT0"))

    def test_headers_may_come_along(self):
        self.assertIsNotNone(self.simple(headers={"x-tenant": "somebody"}).as_numpy("OUTPUT0"))


@for_clients()
class Classes:
    ROWS = numbers([0, 9, 3, 0], [5, 0, 0, 1])

    def classes(self, rows, count, model="classifier"):
        output = self.output("y", class_count=count)
        return self.client.infer(model, [self.input("x", rows)], outputs=[output]).as_numpy("y")

    def test_the_greatest_come_first_with_their_labels(self):
        got = self.classes(self.ROWS, 2)
        self.assertEqual((2, 2), got.shape)
        split = [[one.decode().split(":") for one in row] for row in got]
        self.assertEqual([["1", "bee"], ["2", "cat"]], [one[1:] for one in split[0]])
        self.assertEqual([["0", "ant"], ["3", "dog"]], [one[1:] for one in split[1]])

    def test_fractions_have_six_decimals(self):
        got = self.classes(self.ROWS[:1], 1)[0][0].decode()
        self.assertRegex(got, r"^0\.9\d{5}:1:bee$")

    def test_more_classes_than_there_are_give_all(self):
        self.assertEqual((2, 4), self.classes(self.ROWS, 99).shape)

    def test_without_labels_the_places_stand_alone(self):
        got = self.classes(self.ROWS, 1, "scale")
        self.assertEqual([[b"18.000000:1"], [b"10.000000:0"]], got.tolist())

    def test_the_answer_is_of_strings(self):
        output = self.output("y", class_count=3)
        result = self.client.infer("classifier", [self.input("x", self.ROWS)], outputs=[output])
        got = self.response(result)["outputs"][0]
        self.assertEqual(("y", "BYTES", ["2", "3"]), (got["name"], got["datatype"], got["shape"]))

    def test_whole_numbers_have_classes(self):
        output = self.output("y", class_count=1)
        result = self.client.infer("identity_int64", [self.input("x", self.ROWS.astype(np.int64))], outputs=[output])
        self.assertEqual([[b"9:1"], [b"5:0"]], result.as_numpy("y").tolist())

    def test_one_output_may_have_classes_and_the_other_not(self):
        inputs = [self.input("INPUT0", SIXTEEN), self.input("INPUT1", ONES)]
        outputs = [self.output("OUTPUT0", class_count=1), self.output("OUTPUT1")]
        result = self.client.infer("simple", inputs, outputs=outputs)
        self.assertEqual([[b"16:15"]], result.as_numpy("OUTPUT0").tolist())
        self.assertEqual((SIXTEEN - ONES).tolist(), result.as_numpy("OUTPUT1").tolist())

    def test_strings_have_no_classes(self):
        text = "class result not available for output due to unsupported type 'BYTES'"
        output, x = self.output("y", class_count=1), self.input("x", ROWS["BYTES"])
        self.refused("invalid", text, "infer", "identity_bytes", [x], outputs=[output])

    def test_half_floats_have_no_classes(self):
        text = "class result not available for output due to unsupported type 'FP16'"
        output, x = self.output("y", class_count=1), self.input("x", ROWS["FP16"])
        self.refused("invalid", text, "infer", "identity_fp16", [x], outputs=[output])


@for_clients()
class Refused:
    def test_an_unknown_model(self):
        self.refused(
            "unknown", "Request for unknown model: 'nobody' is not found", "infer", "nobody", [self.input("x", FOUR)]
        )

    def test_an_unknown_version(self):
        text = "Request for unknown model: 'scale' version 9 is not found"
        self.refused("unknown", text, "infer", "scale", [self.input("x", FOUR)], model_version="9")

    def test_a_model_that_did_not_load(self):
        text = "Request for unknown model: 'broken' has no available versions"
        self.refused("unknown", text, "infer", "broken", [self.input("x", FOUR)])

    def test_another_type(self):
        text = UNNAMED + "inference input 'x' data-type is 'INT32', but model 'scale' expects 'FP32'"
        self.refused("invalid", text, "infer", "scale", [self.input("x", FOUR.astype(np.int32))])

    def test_another_shape(self):
        text = UNNAMED + "unexpected shape for input 'x' for model 'scale'. Expected [-1,4], got [1,3]" + BATCH_NOTE
        self.refused("invalid", text, "infer", "scale", [self.input("x", FOUR[:, :3])])

    def test_another_rank(self):
        text = UNNAMED + "unexpected shape for input 'x' for model 'scale'. Expected [-1,4], got [4]" + BATCH_NOTE
        self.refused("invalid", text, "infer", "scale", [self.input("x", FOUR[0])])

    def test_a_missing_input(self):
        text = (
            UNNAMED + "expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], but missing"
            " required input(s) ['INPUT1']. Please provide all required input(s)."
        )
        self.refused("invalid", text, "infer", "simple", [self.input("INPUT0", SIXTEEN)])

    def test_an_unknown_input(self):
        text = "unexpected inference input 'z' for model 'scale'"
        self.refused("invalid", text, "infer", "scale", [self.input("z", FOUR)])

    def test_an_unknown_output(self):
        text = "unexpected inference output 'z' for model 'scale'"
        self.refused("invalid", text, "infer", "scale", [self.input("x", FOUR)], outputs=[self.output("z")])

    def test_an_input_twice(self):
        text = UNNAMED + "input 'x' already exists in request"
        self.refused("invalid", text, "infer", "scale", [self.input("x", FOUR)] * 2)

    def test_an_output_twice(self):
        text = "output 'y' already exists in request"
        self.refused("invalid", text, "infer", "scale", [self.input("x", FOUR)], outputs=[self.output("y")] * 2)

    def test_too_many_rows(self):
        text = UNNAMED + "inference request batch-size must be <= 64 for 'scale'"
        self.refused("invalid", text, "infer", "scale", [self.input("x", np.ones((65, 4), np.float32))])

    def test_inputs_of_different_numbers_of_rows(self):
        text = UNNAMED + "input 'INPUT1' batch size does not match other inputs for 'simple'"
        inputs = [self.input("INPUT0", SIXTEEN), self.input("INPUT1", np.ones((2, 16), np.int32))]
        self.refused("invalid", text, "infer", "simple", inputs)

    def test_fewer_bytes_than_the_shape_needs(self):
        x = self.input("x", FOUR)
        x.set_shape([2, 4])
        text = UNNAMED + "input byte size mismatch for input 'x' for model 'scale'. Expected 32, got 16"
        self.refused("invalid", text, "infer", "scale", [x])

    def test_fewer_strings_than_the_shape_needs(self):
        x = self.input("x", ROWS["BYTES"][:1])
        x.set_shape([2, 4])
        text = UNNAMED + "expected 8 string elements for inference input 'x' for model 'identity_bytes', got 4"
        self.refused("invalid", text, "infer", "identity_bytes", [x])

    def test_the_id_stands_in_the_text(self):
        text = "[request id: mine] inference input 'x' data-type is 'INT32', but model 'scale' expects 'FP32'"
        self.refused("invalid", text, "infer", "scale", [self.input("x", FOUR.astype(np.int32))], request_id="mine")

    def test_what_the_model_fails_for(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("lookup", [self.input("x", numbers([7], type=np.int64))])
        self.assertIn("indices element out of data bounds, idx=7", caught.exception.message())
        self.assertEqual(("500", "StatusCode.INTERNAL")[self.kind.grpc], caught.exception.status())
