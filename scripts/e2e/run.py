"""Asks a running server with the clients that people have for Triton.

    python scripts/e2e/run.py [MODULE ...] [-k NAME]

It starts bin/galatea over the models of internal/e2erepo and runs the test_*.py and the
check_*.sh beside it: all of them, or those that are named; -k keeps the tests whose names
contain NAME. A script is one test, which passes when it exits with 0; both find the server
by the variables that server.py describes. The last line is `N passed, N failed`.
"""

import argparse
import fnmatch
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

from server import Server

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT_SECONDS = 60  # that a script may take


class Result(unittest.TextTestResult):
    """Counts what passed, too, and says how long a test took that took long."""

    passed = 0

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        took = time.monotonic() - self.began
        if took > 5:
            self.stream.writeln(f"{test.id()} took {took:.1f} s")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


class Script(unittest.TestCase):
    """One check_*.sh."""

    def __init__(self, path):
        super().__init__("run_script")
        self.path = path

    def id(self):
        return self.path.name

    __str__ = id

    def run_script(self):
        done = subprocess.run(["bash", self.path], capture_output=True, text=True, timeout=SCRIPT_SECONDS)
        self.assertEqual(0, done.returncode, f"{self.path.name} failed:\n{done.stdout}{done.stderr}")


def tests(names, pattern):
    """The tests of the parts that are named, or of all."""
    suite = unittest.TestSuite()
    loader = unittest.TestLoader()
    if pattern:
        loader.testNamePatterns = [f"*{pattern}*"]
    for path in sorted([*HERE.glob("test_*.py"), *HERE.glob("check_*.sh")]):
        if names and path.stem not in names:
            continue
        if path.suffix == ".py":
            suite.addTest(loader.loadTestsFromName(path.stem))
        elif not pattern or fnmatch.fnmatch(path.name, f"*{pattern}*"):
            suite.addTest(Script(path))
    return suite


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="MODULE", help="test_NAME or check_NAME; all if left out")
    parser.add_argument("-k", metavar="NAME", help="only tests whose names contain this")
    arguments = parser.parse_args()
    sys.path.insert(0, str(HERE))
    with tempfile.TemporaryDirectory(prefix="galatea-e2e-") as work:
        server = Server(pathlib.Path(work))
        try:
            suite = tests(arguments.parts, arguments.k)
            result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=2).run(suite)
        finally:
            code = server.stop()
        failed = len({test.id() for test, _ in result.failures + result.errors})
        if code != 0:
            print(f"the server ended with {code} on SIGTERM:\n{server.text()}")
            failed += 1
    if result.passed + failed == 0:
        sys.exit("run.py: no test has that name")
    print(f"{result.passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
