"""Runs a command so that nothing of it outlives its end, its time or whoever wanted it: `python guard.py SECONDS ...`.

Standard input is a pipe that nobody writes to. It closes when the process that wanted the command ends, be it by
kill -9; then, as when the time is over, the command's whole process group is killed. No module of ours is imported
here: it starts at once.
"""

import os
import select
import signal
import subprocess
import sys

OUT_OF_TIME = signal.SIGALRM  # kills the guard itself, which no exit code of the command can be taken for
NOT_STARTED = 127  # as a shell has it


def main() -> int:
    """Run the command; gives its exit code, 128 + n after signal n, or `NOT_STARTED`; does not return out of time."""
    seconds, *command = sys.argv[1:]
    ready: list[int] = []
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", flush=True)
        return NOT_STARTED
    try:
        ended = os.pidfd_open(process.pid)
        ready, _, _ = select.select([0, ended], [], [], float(seconds))
    finally:
        # Before the process is reaped: until then nobody else can have its number.
        os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    if ended not in ready:
        signal.signal(OUT_OF_TIME, signal.SIG_DFL)
        signal.raise_signal(OUT_OF_TIME)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
