"""What check.py promises about itself: nothing stays behind, and nothing half made is used."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import check

# Stands in for the simulator: tells its number as its ready file, and stays.
PROGRAM = """#!{python}
import os, pathlib, sys, time
ready = pathlib.Path(sys.argv[sys.argv.index("--ready-file") + 1])
ready.with_suffix(".part").write_text(str(os.getpid()))
ready.with_suffix(".part").rename(ready)
time.sleep(60)
"""
CHECK = """
import pathlib, sys, check
check.end_by_signal()
check.run([sys.executable, "-c", "import time; time.sleep(60)"], sys.argv[1], (), pathlib.Path(sys.argv[2]))
"""


class Ending(unittest.TestCase):
    def test_a_signal_ends_the_simulator_too(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            with tempfile.TemporaryDirectory() as folder:
                program = pathlib.Path(folder) / "program"
                program.write_text(PROGRAM.format(python=sys.executable))
                program.chmod(0o700)
                child = subprocess.Popen([sys.executable, "-c", CHECK, program, folder], cwd=check.HERE)
                self.addCleanup(child.kill)
                ready = pathlib.Path(folder) / "ready.json"
                for _ in range(check.READY_TRIES):
                    if ready.exists():
                        break
                    time.sleep(check.READY_PAUSE)
                started = int(ready.read_text())
                child.send_signal(number)
                self.assertEqual(child.wait(30), 128 + number)
                with self.assertRaises(ProcessLookupError):
                    os.kill(started, 0)


class Environment(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name) / "venv"
        self.folder.mkdir()

    def made(self) -> list[list[str]]:
        """The commands by which an environment would be made."""
        with mock.patch("subprocess.run") as run, mock.patch("builtins.print"):
            check.environment(self.folder)
        return [[str(word) for word in call.args[0]] for call in run.call_args_list]

    def test_a_half_made_one_is_made_anew_and_a_whole_one_is_kept(self) -> None:
        (self.folder / "pyvenv.cfg").touch()
        with mock.patch("subprocess.run", side_effect=subprocess.TimeoutExpired("pip", 1)):
            self.assertRaises(subprocess.TimeoutExpired, check.environment, self.folder)
        self.assertIn("--clear", self.made()[0])
        self.assertEqual(self.made(), [])
        (self.folder / check.MARKER).write_text("of an older list")
        self.assertEqual(len(self.made()), 2)

    def test_a_folder_of_somebody_else_is_left_alone(self) -> None:
        (self.folder / "letters").touch()
        self.assertRaises(SystemExit, self.made)

    def test_other_pythons_are_not_listened_to(self) -> None:
        with mock.patch.dict(os.environ, {"PYTHONPATH": "x", "PYTHONHOME": "x", "HTTPS_PROXY": "x"}):
            self.assertFalse({"PYTHONPATH", "PYTHONHOME"} & check.surroundings().keys())
            self.assertIn("HTTPS_PROXY", check.surroundings(), "pip may need it")
            self.assertNotIn("HTTPS_PROXY", check.surroundings(*check.FOREIGN))


if __name__ == "__main__":
    unittest.main()
