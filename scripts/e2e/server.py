"""A galatea that serves the models of internal/e2erepo, for one run of the tests."""

import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE = 60  # seconds to be ready in, and to end in


class Server:
    """A running server. Its addresses are in variables of the environment, for the tests
    and for the scripts that run.py starts: E2E_HTTP, E2E_GRPC and E2E_METRICS are each
    host:port, E2E_REPOSITORY is the folder of the models."""

    def __init__(self, work):
        self.repository = work / "models"
        self.log = work / "server.log"
        subprocess.run(["go", "run", "./internal/e2erepo", self.repository], cwd=ROOT, check=True)
        command = ["bin/galatea", "serve", f"--model-repository={self.repository}"]
        command += ["--model-control-mode=explicit", "--load-model=*", "--allow-client-shm"]
        command += ["--http-port=0", "--grpc-port=0", "--metrics-port=0", "--shutdown-delay=0s"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            self._wait()
        except BaseException:
            self.process.kill()
            raise

    def _wait(self):
        """Waits until it is ready, and says where it listens."""
        deadline = time.monotonic() + DEADLINE
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended before it was ready:\n{self.text()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server was not ready in {DEADLINE} seconds:\n{self.text()}")
            listening = re.search(r"msg=listening (.*)", self.text())
            if listening:
                ports = dict(re.findall(r"(\w+)=([\d.]+:\d+)", listening.group(1)))
                if _answers(f"http://{ports['http']}/v2/health/ready"):
                    break
            time.sleep(0.1)
        for name in ("http", "grpc", "metrics"):
            os.environ["E2E_" + name.upper()] = ports[name]
        os.environ["E2E_REPOSITORY"] = str(self.repository)

    def text(self):
        """What it has logged."""
        return self.log.read_text(errors="replace")

    def stop(self):
        """Ends it as an operator does, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise RuntimeError(f"the server did not end in {DEADLINE} seconds:\n{self.text()}") from None


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
