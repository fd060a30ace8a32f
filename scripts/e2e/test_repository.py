"""Loading, unloading and the index."""

import json
import os
import pathlib

from clients import for_clients
from models import numbers
from tritonclient.utils import InferenceServerException

FOUR = numbers([1, 2, 3, 4])


@for_clients()
class Index:
    def rows(self):
        got = self.ask("get_model_repository_index")
        return got["models"] if self.kind.grpc else got

    def test_every_version_is_in_the_index(self):
        got = {(one["name"], one["version"]): one["state"] for one in self.rows()}
        for which in (("simple", "1"), ("scale", "1"), ("scale", "2")):
            self.assertEqual("READY", got[which])

    def test_a_model_that_did_not_load_says_why(self):
        (got,) = [one for one in self.rows() if one["name"] == "broken"]
        self.assertEqual("UNAVAILABLE", got["state"])
        self.assertNotEqual("", got["reason"])


@for_clients()
class Load:
    """What spare does is five times its input, as long as nobody sends another."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.client.load_model, "spare")

    def answer(self, **options):
        return self.client.infer("spare", [self.input("x", FOUR)], **options).as_numpy("y").tolist()

    def config(self):
        got = self.ask("get_model_config", "spare")
        return got["config"] if self.kind.grpc else got

    def test_what_is_loaded_may_be_loaded_again(self):
        self.client.load_model("spare")
        self.assertEqual([[5, 10, 15, 20]], self.answer())

    def test_a_model_can_be_unloaded_and_loaded(self):
        self.client.unload_model("spare")
        self.assertIs(False, self.client.is_model_ready("spare", "1"))
        text = "Request for unknown model: 'spare' has no available versions"
        self.refused("unknown", text, "infer", "spare", [self.input("x", FOUR)])
        self.client.load_model("spare")
        self.assertEqual([[5, 10, 15, 20]], self.answer())

    def test_a_model_can_be_unloaded_with_what_depends_on_it(self):
        self.client.unload_model("spare", unload_dependents=True)
        self.assertIs(False, self.client.is_model_ready("spare", "1"))

    def test_what_was_unloaded_says_so_in_the_index(self):
        self.client.unload_model("spare")
        got = self.ask("get_model_repository_index")
        (row,) = [one for one in (got["models"] if self.kind.grpc else got) if one["name"] == "spare"]
        self.assertIn((row["state"], row.get("reason", "")), [("UNAVAILABLE", "unloaded"), ("UNLOADING", "")])

    def test_unloading_what_there_is_not_is_nothing(self):
        self.client.unload_model("nobody")

    def test_a_model_can_be_loaded_with_another_configuration(self):
        config = {"name": "spare", "platform": "onnxruntime_onnx", "max_batch_size": 2}
        self.client.load_model("spare", config=json.dumps(config))
        self.assertEqual("2", self.config()["max_batch_size"])
        self.assertEqual([[5, 10, 15, 20]], self.answer())
        self.client.load_model("spare")
        self.assertEqual("64", self.config()["max_batch_size"])

    def test_the_whole_of_a_configuration_that_is_shown_may_be_sent_back(self):
        config = self.client.get_model_config("spare", **({"as_json": True} if self.kind.grpc else {}))
        config = config["config"] if self.kind.grpc else config
        config["dynamic_batching"]["max_queue_delay_microseconds"] = 500
        self.client.load_model("spare", config=json.dumps(config))
        self.assertEqual("500", self.config()["dynamic_batching"]["max_queue_delay_microseconds"])

    def test_a_model_can_be_loaded_with_other_files(self):
        other = pathlib.Path(os.environ["E2E_REPOSITORY"], "scale", "2", "model.onnx").read_bytes()
        self.client.load_model(
            "spare", config=json.dumps({"backend": "onnxruntime"}), files={"file:7/model.onnx": other}
        )
        self.assertEqual([[2, 4, 6, 8]], self.answer())
        self.assertEqual([[2, 4, 6, 8]], self.answer(model_version="7"))
        self.assertEqual(["7"], self.ask("get_model_metadata", "spare")["versions"])
        self.client.load_model("spare")
        self.assertEqual([[5, 10, 15, 20]], self.answer())

    def test_a_model_that_there_is_not_can_be_brought(self):
        model = pathlib.Path(os.environ["E2E_REPOSITORY"], "scale", "2", "model.onnx").read_bytes()
        config = json.dumps({"backend": "onnxruntime"})
        self.client.load_model("brought", config=config, files={"file:1/model.onnx": model})
        self.addCleanup(self.client.unload_model, "brought")
        result = self.client.infer("brought", [self.input("x", FOUR)])
        self.assertEqual([[2, 4, 6, 8]], result.as_numpy("y").tolist())

    def test_an_unknown_model_is_refused(self):
        text = "failed to load 'nobody', failed to poll from model repository"
        self.refused("internal", text, "load_model", "nobody")

    def test_a_configuration_that_cannot_be_read_is_refused(self):
        self.assertRaises(InferenceServerException, self.client.load_model, "spare", config="{")
        self.assertEqual([[5, 10, 15, 20]], self.answer())

    def test_a_file_without_a_configuration_is_refused(self):
        text = "Load parameter 'config' must be specified for model file override"
        self.refused("invalid", text, "load_model", "spare", files={"file:1/model.onnx": b"x"})

    def test_a_file_that_is_no_model_is_refused_and_what_serves_stays(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.load_model("spare", config="{}", files={"file:1/model.onnx": b"this is no model"})
        self.assertRegex(
            caught.exception.message(), r"^load failed for model 'spare': version 1 is at UNAVAILABLE state: "
        )
        self.assertEqual([[5, 10, 15, 20]], self.answer())

    def test_a_file_outside_the_models_folder_is_refused(self):
        self.assertRaises(
            InferenceServerException, self.client.load_model, "spare", config="{}", files={"file:../1/model.onnx": b"x"}
        )
        self.assertEqual([[5, 10, 15, 20]], self.answer())

    def test_a_name_that_leaves_the_repository_is_refused(self):
        name = "..\\spare"  # HTTP clients resolve ".." by themselves
        text = f"invalid model name '{name}', model name must not contain path traversal characters"
        self.refused("invalid", text, "load_model", name)
