"""Runs Microsoft's client libraries against the simulator: environment, program, tests, measurement.

Uses the standard library alone; the libraries live in a virtual environment of their own. Every step has a limit, and
the program that was started is ended with the check, also when a signal ends that; SIGKILL alone leaves it running.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Settings of the surroundings that would send the libraries elsewhere or have them trust something else.
FOREIGN = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
# Would have an environment's Python load modules of another one.
PYTHON_OWN = ("PYTHONPATH", "PYTHONHOME")
# Written into an environment once all is installed, with what that was.
MARKER = "simulator-clients.txt"
INSTALL_SECONDS = 300
BUILD_SECONDS = 900
TEST_SECONDS = 300
READY_TRIES = 200
READY_PAUSE = 0.1


# Enough for three pages each; the library needs more than ten milliseconds for each object that it reads.
SMALL = ("--users", "230", "--devices", "120")
LARGE = ("--users", "5000")


def main() -> int:
    end_by_signal()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--venv", type=pathlib.Path, help="folder of the virtual environment; kept")
    parser.add_argument("--simulator", type=pathlib.Path, help="the program, if it is built already")
    parser.add_argument("--measure", action="store_true", help="also list 5,000 users and tell how long that takes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simulator-clients-") as folder:
        scratch = pathlib.Path(folder)
        python = environment(arguments.venv or scratch / "venv")
        program = arguments.simulator.absolute() if arguments.simulator else build()
        # The libraries' own warnings about themselves are not ours to mend.
        quiet = [python, "-W", "ignore::DeprecationWarning"]
        code = run([*quiet, "-m", "unittest", "discover", "--verbose"], program, SMALL, scratch)
        for client in ("msgraph-sdk", "httpx") if arguments.measure and code == 0 else ():
            code = code or run([*quiet, "measure.py", client], program, LARGE, scratch)
    return code


def end_by_signal() -> None:
    """Turns the signals that end a program into an exception, so that everything that was started is ended too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def surroundings(*without: str) -> dict[str, str]:
    """The environment variables, but for those that change what a Python loads, and the given ones."""
    return {name: value for name, value in os.environ.items() if name.upper() not in (*PYTHON_OWN, *without)}


def run(command: list[object], program: os.PathLike | str, sizes: tuple[str, ...], scratch: pathlib.Path) -> int:
    """Runs a command beside a fresh simulator; gives its exit code."""
    clean = surroundings(*FOREIGN)
    with running(program, sizes, scratch) as ready:
        clean |= {"SIMULATOR_READY_FILE": str(ready), "PYTHONPYCACHEPREFIX": str(scratch / "pycache")}
        return subprocess.run(command, cwd=HERE, env=clean, timeout=TEST_SECONDS).returncode


def environment(folder: pathlib.Path) -> pathlib.Path:
    """A virtual environment with the pinned libraries; gives its Python. One that was left half made is made anew."""
    python = folder.absolute() / "bin" / "python"
    marker = folder / MARKER
    wanted = (HERE / "requirements.txt").read_text()
    if marker.exists() and marker.read_text() == wanted:
        return python
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
        raise SystemExit(f"{folder} holds something else than a virtual environment")
    started = time.monotonic()
    clean = surroundings()
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=INSTALL_SECONDS, env=clean)
    # Compiling all of the Graph SDK takes longer than everything else here; a small part of it is used.
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*install, "-r", HERE / "requirements.txt"], check=True, timeout=INSTALL_SECONDS, env=clean)
    marker.write_text(wanted)
    print(f"libraries are installed ({time.monotonic() - started:.0f} s)", flush=True)
    return python


def build() -> str:
    """Builds the program with cargo, which tells where it is."""
    command = ["cargo", "build", "--locked", "--package", "microsoft-simulator", "--bins", "--message-format", "json"]
    output = subprocess.run(command, cwd=ROOT, check=True, timeout=BUILD_SECONDS, stdout=subprocess.PIPE, text=True).stdout
    messages = (json.loads(line) for line in output.splitlines())
    paths = [message["executable"] for message in messages if message.get("executable")]
    if len(paths) != 1:
        raise SystemExit(f"cargo built {len(paths)} programs instead of one")
    return paths[0]


@contextlib.contextmanager
def running(program: os.PathLike | str, sizes: tuple[str, ...], scratch: pathlib.Path):
    """The program with HTTPS on a free port; gives its ready file once it answers."""
    ready = scratch / "ready.json"
    ready.unlink(missing_ok=True)
    command = [program, *sizes, "--tls-self-signed", scratch / "tls", "--ready-file", ready]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(READY_TRIES):
            if ready.exists():
                break
            if process.poll() is not None:
                raise SystemExit(f"the simulator ended with {process.returncode}")
            time.sleep(READY_PAUSE)
        else:
            raise SystemExit("the simulator did not get ready")
        yield ready
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
