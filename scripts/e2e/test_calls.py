"""Every call of the four clients that is no inference, and loads nothing."""

from clients import for_clients
from models import ONES, SIXTEEN
from tritonclient.utils import InferenceServerException


@for_clients()
class Health:
    def test_the_server_is_live(self):
        self.assertIs(True, self.client.is_server_live())

    def test_the_server_is_ready(self):
        self.assertIs(True, self.client.is_server_ready())

    def test_a_model_is_ready(self):
        self.assertIs(True, self.client.is_model_ready("simple"))

    def test_a_version_is_ready(self):
        self.assertIs(True, self.client.is_model_ready("scale", "1"))

    def test_a_header_may_come_along(self):
        self.assertIs(True, self.client.is_server_live(headers={"x-tenant": "somebody"}))

    def test_an_unknown_model_is_not_ready(self):
        try:
            self.assertIs(False, self.client.is_model_ready("nobody"))
        except InferenceServerException as error:  # over gRPC, from newer releases of Triton
            self.assertEqual("StatusCode.NOT_FOUND", error.status())

    def test_a_model_that_did_not_load_is_not_ready(self):
        self.assertIs(False, self.client.is_model_ready("broken", "1"))


@for_clients()
class Metadata:
    def test_the_server_says_what_it_can(self):
        got = self.ask("get_server_metadata")
        self.assertEqual({"name", "version", "extensions"}, set(got))
        extensions = {
            "classification",
            "model_repository",
            "model_repository(unload_dependents)",
            "schedule_policy",
            "model_configuration",
            "system_shared_memory",
            "binary_tensor_data",
            "parameters",
            "statistics",
            "trace",
            "logging",
        }
        self.assertLessEqual(extensions, set(got["extensions"]))

    def test_a_model_says_what_it_takes_and_gives(self):
        tensors = ("name", "datatype", "shape")
        want = {
            "name": "simple",
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [dict(zip(tensors, (name, "INT32", ["-1", "16"]))) for name in ("INPUT0", "INPUT1")],
            "outputs": [dict(zip(tensors, (name, "INT32", ["-1", "16"]))) for name in ("OUTPUT0", "OUTPUT1")],
        }
        self.assertEqual(want, self.ask("get_model_metadata", "simple"))

    def test_a_model_lists_its_versions(self):
        self.assertEqual(["1", "2"], self.ask("get_model_metadata", "scale")["versions"])

    def test_a_version_lists_itself_alone(self):
        self.assertEqual(["1"], self.ask("get_model_metadata", "scale", "1")["versions"])

    def test_metadata_of_an_unknown_model_is_refused(self):
        text = "Request for unknown model: 'nobody' is not found"
        self.refused("unknown", text, "get_model_metadata", "nobody")

    def test_metadata_of_an_unknown_version_is_refused(self):
        text = "Request for unknown model: 'simple' version 7 is not found"
        self.refused("unknown", text, "get_model_metadata", "simple", "7")

    def test_a_version_that_is_no_number_is_refused(self):
        if self.kind.grpc:
            text = (
                "failed to get model version from specified version string 'one' (details: stol),"
                " version should be an integral value > 0"
            )
            self.refused("invalid", text, "get_model_metadata", "simple", "one")
        else:
            self.refused("unknown", "Not Found", "get_model_metadata", "simple", "one")


@for_clients()
class Config:
    def config(self, *which):
        got = self.ask("get_model_config", *which)
        return got["config"] if self.kind.grpc else got

    def test_a_model_shows_its_configuration(self):
        got = self.config("simple")
        self.assertEqual("simple", got["name"])
        self.assertEqual(("onnxruntime_onnx", "onnxruntime"), (got["platform"], got["backend"]))
        self.assertEqual("64", got["max_batch_size"])
        self.assertEqual(["INPUT0", "INPUT1"], [one["name"] for one in got["input"]])
        self.assertEqual(["TYPE_INT32"] * 2, [one["data_type"] for one in got["output"]])
        self.assertEqual(["16"], got["input"][0]["dims"])
        self.assertEqual({"latest": {"num_versions": "1"}}, got["version_policy"])
        self.assertEqual([("1", "KIND_CPU")], [(one["count"], one["kind"]) for one in got["instance_group"]])
        self.assertIn("dynamic_batching", got)

    def test_a_configuration_keeps_what_its_file_says(self):
        got = self.config("levels")["dynamic_batching"]
        self.assertEqual(("2", "2"), (got["priority_levels"], got["default_priority_level"]))

    def test_a_queue_policy_is_in_the_configuration(self):
        got = self.config("slow")["dynamic_batching"]["default_queue_policy"]
        self.assertEqual(
            ("1", "10000000", True),
            (got["max_queue_size"], got["default_timeout_microseconds"], got["allow_timeout_override"]),
        )

    def test_labels_are_in_the_configuration(self):
        self.assertEqual("labels.txt", self.config("classifier")["output"][0]["label_filename"])

    def test_a_version_shows_its_configuration(self):
        self.assertEqual({"all": {}}, self.config("scale", "2")["version_policy"])

    def test_the_configuration_of_an_unknown_model_is_refused(self):
        self.refused("unknown", "Request for unknown model: 'nobody' is not found", "get_model_config", "nobody")


@for_clients()
class Statistics:
    def once(self):
        """The statistics of simple, and those after one more request of one row."""
        before = self.ask("get_inference_statistics", "simple")["model_stats"][0]
        self.client.infer("simple", [self.input("INPUT0", SIXTEEN), self.input("INPUT1", ONES)])
        return before, self.ask("get_inference_statistics", "simple")["model_stats"][0]

    def test_a_request_is_counted(self):
        before, after = self.once()
        for name in ("inference_count", "execution_count"):
            self.assertEqual(int(before.get(name, 0)) + 1, int(after[name]), name)
        for name in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
            was = before["inference_stats"][name].get("count", 0)
            self.assertEqual(int(was) + 1, int(after["inference_stats"][name]["count"]), name)
        self.assertGreater(int(after["inference_stats"]["success"]["ns"]), 0)
        self.assertGreater(int(after["last_inference"]), 1_600_000_000_000)

    def test_batches_are_counted_by_their_sizes(self):
        _, after = self.once()
        sizes = {one["batch_size"]: one for one in after["batch_stats"]}
        self.assertGreater(int(sizes["1"]["compute_infer"]["count"]), 0)

    def test_a_failure_is_counted(self):
        def failures():
            stats = self.ask("get_inference_statistics", "lookup")["model_stats"][0]["inference_stats"]
            return int(stats["fail"].get("count", 0))

        before = failures()
        wrong = [self.input("x", SIXTEEN[:, 7:8].astype("int64"))]
        self.assertRaises(InferenceServerException, self.client.infer, "lookup", wrong)
        self.assertEqual(before + 1, failures())

    def test_statistics_are_by_version(self):
        got = self.ask("get_inference_statistics", "scale")["model_stats"]
        self.assertEqual([("scale", "1"), ("scale", "2")], [(one["name"], one["version"]) for one in got])

    def test_a_version_has_its_own_statistics(self):
        got = self.ask("get_inference_statistics", "scale", "1")["model_stats"]
        self.assertEqual(["1"], [one["version"] for one in got])

    def test_all_models_have_statistics(self):
        got = {one["name"] for one in self.ask("get_inference_statistics")["model_stats"]}
        self.assertLessEqual({"simple", "scale", "identity_fp32"}, got)
        self.assertNotIn("broken", got)

    def test_statistics_of_an_unknown_model_are_refused(self):
        self.refused("invalid", "requested model 'nobody' is not available", "get_inference_statistics", "nobody")

    def test_statistics_of_an_unknown_version_are_refused(self):
        text = "requested model version is not available for model 'simple'"
        self.refused("invalid", text, "get_inference_statistics", "simple", "7")


@for_clients()
class Trace:
    def settings(self, *which):
        got = self.ask("get_trace_settings", *which)
        return got["settings"] if self.kind.grpc else got

    def update(self, model, settings):
        got = self.ask("update_trace_settings", model_name=model, settings=settings)
        return got["settings"] if self.kind.grpc else got

    def value(self, one):
        """A setting as it is over HTTP."""
        if not self.kind.grpc:
            return one
        return one["value"] if len(one["value"]) > 1 else one["value"][0]

    def tearDown(self):
        for model in ("simple", None):
            self.client.update_trace_settings(
                model_name=model, settings=dict.fromkeys(("trace_level", "trace_rate", "trace_count"))
            )

    def test_trace_settings_are_all_there(self):
        self.assertLessEqual({"trace_level", "trace_rate", "trace_count", "log_frequency"}, set(self.settings()))

    def test_a_model_begins_with_the_settings_of_all(self):
        self.assertEqual(self.settings(), self.settings("simple"))

    def test_the_settings_of_all_can_be_changed(self):
        got = self.update(None, {"trace_rate": "2"})
        self.assertEqual("2", self.value(got["trace_rate"]))
        self.assertEqual("2", self.value(self.settings()["trace_rate"]))
        self.assertEqual("2", self.value(self.settings("simple")["trace_rate"]))

    def test_the_settings_of_a_model_are_its_own(self):
        was = self.settings()
        got = self.update("simple", {"trace_rate": "3", "trace_level": ["OFF"]})
        self.assertEqual("3", self.value(got["trace_rate"]))
        self.assertEqual("3", self.value(self.settings("simple")["trace_rate"]))
        self.assertEqual(was, self.settings())

    def test_a_setting_that_is_cleared_is_that_of_all_again(self):
        self.update("simple", {"trace_rate": "3"})
        got = self.update("simple", {"trace_rate": None})
        self.assertEqual(self.settings(), got)

    def test_a_rate_that_is_no_number_is_refused(self):
        text = "Unable to parse 'trace_rate', got: often"
        self.refused("invalid", text, "update_trace_settings", settings={"trace_rate": "often"})

    def test_the_trace_file_stays(self):
        text = "trace file location can not be updated through network protocol"
        self.refused("unsupported", text, "update_trace_settings", settings={"trace_file": "other.json"})

    def test_trace_settings_of_an_unknown_model_are_refused(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.get_trace_settings("nobody")
        self.assertRegex(caught.exception.message(), "^Request for unknown model ?: '?nobody")


@for_clients()
class Logging:
    NAMES = {"log_file", "log_info", "log_warning", "log_error", "log_verbose_level", "log_format"}

    def settings(self):
        return self.plain(self.ask("get_log_settings"))

    def update(self, **settings):
        return self.plain(self.ask("update_log_settings", settings))

    def plain(self, got):
        """Settings as they are over HTTP."""
        if not self.kind.grpc:
            return got
        return {name: next(iter(one.values()), "") for name, one in got["settings"].items()}

    def setUp(self):
        super().setUp()
        was = self.client.get_log_settings()
        if self.kind.grpc:
            was = {name: getattr(one, one.WhichOneof("parameter_choice")) for name, one in was.settings.items()}
        was.pop("log_file")
        self.addCleanup(self.client.update_log_settings, was)

    def test_log_settings_are_all_there(self):
        self.assertEqual(self.NAMES, set(self.settings()))

    def test_log_settings_have_their_types(self):
        got = self.settings()
        self.assertEqual((True, True, True), (got["log_info"], got["log_warning"], got["log_error"]))
        self.assertEqual("0", got["log_verbose_level"])
        self.assertIn(got["log_format"], ("default", "ISO8601"))

    def test_the_log_can_be_made_verbose(self):
        self.assertEqual("1", self.update(log_verbose_level=1)["log_verbose_level"])
        self.assertEqual("1", self.settings()["log_verbose_level"])
        self.assertEqual("0", self.update(log_verbose_level=0)["log_verbose_level"])

    def test_a_kind_of_lines_can_be_left_out(self):
        self.assertIs(False, self.update(log_info=False)["log_info"])
        self.assertIs(False, self.settings()["log_info"])
        self.assertIs(True, self.update(log_info=True)["log_info"])

    def test_the_format_can_be_changed(self):
        self.assertEqual("ISO8601", self.update(log_format="ISO8601")["log_format"])

    def test_an_unknown_format_is_refused(self):
        status, option = ("invalid", "log_format") if self.kind.grpc else ("unavailable", "--log_format")
        text = f"invalid argument for {option}, got: poem"
        self.refused(status, text, "update_log_settings", {"log_format": "poem"})

    def test_the_log_file_stays(self):
        text = "log file location can not be updated through network protocol"
        self.refused("unsupported", text, "update_log_settings", {"log_file": "other.log"})
