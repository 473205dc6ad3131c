"""ikebench in processes of its own, for tests that kill them."""

import os
import subprocess
import sys
import time


def start(folder, *arguments, limit=None, **environment):
    """Start ikebench in its own process group, as a terminal does; signals reach it even where tests run under nohup.

    `limit` is the size of the largest file that it can write: a stand-in for a full disk.
    """
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    heed += "; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    if limit is not None:
        heed += f"; import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    paths = [environment.get("PYTHONPATH"), os.environ.get("PYTHONPATH")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return subprocess.Popen(
        [sys.executable, "-c", f"{heed}; from ikebench.cli import main; main()", *arguments],
        cwd=folder,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, seconds=300):  # on a machine that others load, a start can take a minute
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
