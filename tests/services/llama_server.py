"""Run as a program: llama.cpp's own server on loopback. Prints its address; ends when its input ends.

Two slots of 256 tokens. A second argument is a file with another chat template.
"""

import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    """Serve the model named first until standard input ends."""
    settings = xllamacpp.CommonParams()
    settings.model.path = sys.argv[1]
    settings.model_alias = {"smollm2"}
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    settings.api_keys = ["right"]
    settings.n_parallel, settings.n_ctx = 2, 512
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    # What a prompt shares with an earlier one is read again, so that a reply does not depend on what was asked before.
    settings.cache_prompt = False
    if len(sys.argv) > 2:
        settings.chat_template = Path(sys.argv[2]).read_text()
    server = xllamacpp.Server(settings)
    sys.stdout.write(server.listening_address + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
