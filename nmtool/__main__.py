"""`python -m nmtool`, and the script `nmtool`."""

import signal
import sys


def script() -> int:
    """Run the command line, and return its exit code.

    Before `main` starts and after it has ended, Ctrl-C ends the process without a traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from nmtool.cli.main import main

    return main()


if __name__ == "__main__":
    sys.exit(script())
