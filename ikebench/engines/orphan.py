"""For the process that workers are forked from to import first: it ends with the one that started it.

It would find out by itself, but not before it has imported everything, which takes seconds. Linux takes the thread
that started it for the one that started it: only a main thread is sure to live as long as its process.
"""

import ctypes
import signal

PR_SET_PDEATHSIG = 1  # linux/prctl.h

ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
