"""What the process imports that worker processes are forked from: all that most points need.

Ctrl-C goes to the whole group of processes; it is for the one that asked for the workers, which ends them.
"""

import signal
from importlib import import_module

signal.signal(signal.SIGINT, signal.SIG_IGN)
for name in ("brianff.protocols.trainer", "distributed.nanny"):
    import_module(name)
