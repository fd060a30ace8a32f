"""Triton's load generator, which reads metadata, configuration and statistics besides, and
believes none of them blindly. Its figures are printed; they are of short runs, on a machine
that it shares with the server."""

import pathlib
import re
import subprocess
import unittest

from clients import GRPC_ADDRESS, HTTP_ADDRESS

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / ".tools/e2e/bin/perf_analyzer"

# Measurements of at least 50 requests, until three are so much as within 999 % of each other.
SHORT = ["--measurement-mode", "count_windows", "--measurement-request-count", "50", "--stability-percentage", "999"]


class PerfAnalyzer(unittest.TestCase):
    def measure(self, model, *options, grpc=False, loads=1):
        """Runs it and expects figures for so many loads, and no complaint."""
        command = [PROGRAM, "-m", model, "-i", "grpc" if grpc else "http", "-u", GRPC_ADDRESS if grpc else HTTP_ADDRESS]
        done = subprocess.run(
            [*command, *SHORT, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
        )
        self.assertEqual(0, done.returncode, done.stdout)
        for line in done.stdout.splitlines():
            self.assertNotRegex(line, r"(?i)warning|error|fail", done.stdout)
        figures = re.findall(r"(?m)^(?:Concurrency|Request Rate): .*throughput: [\d.e+]+ infer/sec.*$", done.stdout)
        self.assertEqual(loads, len(figures), done.stdout)
        self.assertEqual(loads, len(re.findall(r"(?m)^    Inference count: [1-9]", done.stdout)), done.stdout)
        print(*(f"\n    {line}" for line in figures), end=" ", flush=True)

    def test_http_with_one_to_four_callers(self):
        self.measure("simple", "--concurrency-range", "1:4", loads=4)

    def test_http_in_windows_of_time(self):
        self.measure(
            "simple", "--measurement-mode", "time_windows", "--measurement-interval", "1000", "--concurrency-range", "2"
        )

    def test_http_with_a_number_of_requests(self):
        self.measure("simple", "--concurrency-range", "2", "--request-count", "200")

    def test_http_in_json(self):
        self.measure(
            "simple", "--input-tensor-format", "json", "--output-tensor-format", "json", "--concurrency-range", "2"
        )

    def test_http_without_waiting(self):
        self.measure("simple", "--async", "--concurrency-range", "4")

    def test_http_with_several_rows(self):
        self.measure("simple", "-b", "8", "--concurrency-range", "2")

    def test_http_through_shared_memory(self):
        self.measure(
            "simple", "--shared-memory", "system", "--output-shared-memory-size", "1024", "--concurrency-range", "2"
        )

    def test_http_with_strings(self):
        self.measure("concat", "--string-length", "16", "--concurrency-range", "2")

    def test_http_with_a_shape_that_the_model_leaves_open(self):
        self.measure("softmax", "--shape", "x:16", "--concurrency-range", "2")

    def test_http_with_requests_that_come_by_a_clock(self):
        self.measure("simple", "--request-rate-range", "50", "--request-distribution", "constant")

    def test_grpc_with_one_to_four_callers(self):
        self.measure("simple", "--concurrency-range", "1:4", grpc=True, loads=4)

    def test_grpc_without_waiting(self):
        self.measure("simple", "--async", "--concurrency-range", "4", grpc=True)

    def test_grpc_in_a_stream(self):
        self.measure("simple", "--async", "--streaming", "--concurrency-range", "4", grpc=True)

    def test_grpc_through_shared_memory(self):
        options = ["--shared-memory", "system", "--output-shared-memory-size", "1024", "--concurrency-range", "2"]
        self.measure("simple", *options, grpc=True)

    def test_grpc_compressed(self):
        for how in ("gzip", "deflate"):
            self.measure("simple", "--grpc-compression-algorithm", how, "--concurrency-range", "2", grpc=True)

    def test_grpc_with_strings(self):
        self.measure("concat", "--string-length", "16", "--concurrency-range", "2", grpc=True)
