"""Runs `medeval` as a user does, but writes down every wait instead of waiting, and can do without sockets.

Usage: command.py WAITS_FILE NETWORK(yes|no) ARGUMENTS...
"""

import socket
import sys
from pathlib import Path
from typing import NoReturn

from medeval.cli.app import main
from medeval.hub import retry


def refuse(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a socket was opened")


if __name__ == "__main__":
    waits, network, *arguments = sys.argv[1:]

    def wait(seconds: float) -> None:
        with Path(waits).open("a") as stream:
            stream.write(f"{seconds:g}\n")

    retry.PATIENCE = retry.Patience(sleep=wait)
    if network == "no":
        socket.socket = refuse  # type: ignore[assignment, misc]
        socket.getaddrinfo = refuse
        socket.create_connection = refuse
    main(arguments)
