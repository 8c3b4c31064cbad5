"""Safetensors to GGUF, with the converter of the llama.cpp that does everything else here."""

import importlib.metadata
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from medeval.errors import MedevalError
from medeval.records.files import atomic_path, read_json, sha256_file, write_json
from medeval.run.shipped import CHECKOUT, located
from medeval.weights.inspect import inspect_gguf

log = logging.getLogger(__name__)

TYPES = ("BF16", "F16", "F32", "Q8_0")
_SETUP = "Run: make setup-convert"
_PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "sentencepiece", "numpy")
_SECONDS_BETWEEN_LINES = 10.0


def convert(
    checkpoint: Path, out: Path, file_type: str = "BF16", *, name: str | None = None, environment: Path | None = None
) -> dict[str, Any]:
    """Write a Hugging Face checkpoint as GGUF, with its provenance in `out` + `.provenance.json`.

    Args:
        checkpoint: Folder with config.json, the tokenizer and *.safetensors.
        out: The file to write; it appears only when it is complete.
        file_type: One of `TYPES`; matrices get this type, vectors F32.
        name: Name for the header; without it the converter takes one from the checkpoint or the folder's name.
        environment: Python environment with torch, transformers and the converter; found by itself when None.

    Returns:
        The record: SHA-256 of every source file, versions of the converter and its packages, and what was made.

    Raises:
        MedevalError: The environment or a part of the checkpoint is missing, the disk is too full, or the converter
            gives up, for example over an architecture or a tokenizer that it does not know.
    """
    if file_type not in TYPES:
        raise MedevalError(
            f"cannot convert to {file_type!r}", f"Use one of {', '.join(TYPES)}, and `medeval quantize` from there."
        )
    environment = find_environment() if environment is None else environment
    script = _converter(environment)
    files = _checkpoint_files(checkpoint)
    _check_room(files, out)
    sources = {path.name: {"sha256": sha256_file(path), "bytes": path.stat().st_size} for path in files}
    with atomic_path(out) as temporary:
        command = [str(_python(environment)), str(script), str(checkpoint), "--outfile", str(temporary)]
        command += ["--outtype", file_type.lower(), *(["--model-name", name] if name else [])]
        _run(command, checkpoint)
        after = inspect_gguf(temporary)
    record = {
        "made_by": {
            "program": script.name,
            **read_json(script.with_name("source.json")),
            "packages": _package_versions(environment),
        },
        "file_type": file_type,
        "source": {"folder": checkpoint.resolve().name, "files": sources},
        "sha256": after.sha256,
        "bytes": after.bytes,
        "architecture": after.architecture,
        "parameters": after.parameters,
        "tied_head": after.tied_head,
        "bits_per_weight": after.bits_per_weight,
        "tensors_by_type": after.tensors_by_type,
        "bytes_by_type": after.bytes_by_type,
    }
    write_json(out.with_name(out.name + ".provenance.json"), record)
    return record


def find_environment() -> Path:
    """Return the environment of the converter: the running one if it holds the converter, else `.venv-convert`.

    The first is the case in a conda environment that Snakemake made; the second after `make setup-convert`.
    """
    own = Path(sys.prefix)
    return own if _share(own).is_dir() else located(Path(".venv-convert"), CHECKOUT)


def _share(environment: Path) -> Path:
    return environment / "share" / f"llama-cpp-python-{importlib.metadata.version('llama-cpp-python')}"


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _converter(environment: Path) -> Path:
    """The converter's script, of the same llama.cpp as the installed library."""
    if not _python(environment).is_file():
        raise MedevalError(f"{environment}: there is no Python environment for conversion here", _SETUP)
    script = _share(environment) / "convert_hf_to_gguf.py"
    if not script.is_file() or not script.with_name("source.json").is_file():
        raise MedevalError(f"{script}: llama.cpp's converter of the version in use is not there", _SETUP)
    return script


def _checkpoint_files(checkpoint: Path) -> list[Path]:
    """Every file at the top of the checkpoint, after a check that the weights are all there."""
    if not (checkpoint / "config.json").is_file():
        raise MedevalError(f"{checkpoint}: no config.json, so not a checkpoint", "Name the folder of a checkpoint.")
    present = {path.name for path in checkpoint.glob("*.safetensors")}
    if not present:
        raise MedevalError(
            f"{checkpoint}: no *.safetensors", "Fetch the weights in this form; others can run code when they are read."
        )
    index = checkpoint / "model.safetensors.index.json"
    wanted = set(read_json(index)["weight_map"].values()) if index.is_file() else set()
    if missing := sorted(wanted - present):
        raise MedevalError(
            f"{checkpoint}: {len(missing)} of {len(wanted)} parts are missing, the first being {missing[0]}",
            "Fetch them; then run the same command again.",
        )
    return sorted(path for path in checkpoint.iterdir() if path.is_file())


def _check_room(files: list[Path], out: Path) -> None:
    """Refuse to begin what the disk cannot hold; two bytes a weight in, at most four out."""
    out.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(path.stat().st_size for path in files if path.suffix == ".safetensors")
    free = shutil.disk_usage(out.parent).free
    if free < needed:
        raise MedevalError(
            f"{out.parent}: {free:,} bytes are free, and the weights take {needed:,}",
            "Free some space there, or write to another disk.",
        )


def _run(command: list[str], checkpoint: Path) -> None:
    """Run the converter without network, pass its progress on now and then, and keep its last words for an error."""
    hidden = {"PYTHONPATH", "PYTHONHOME"}
    environ = {key: value for key, value in os.environ.items() if key not in hidden}
    environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONNOUSERSITE": "1"}
    last, said = deque[str](maxlen=12), time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", env=environ
    ) as process:
        assert process.stderr is not None  # noqa: S101 -- it was asked for
        for line in process.stderr:
            last.append(line.strip())
            log.debug("converter: %s", line.strip())
            if line.startswith("Writing:") and time.monotonic() - said > _SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                log.info("%s: %s", checkpoint.name, line.strip())
    if process.returncode:
        raise MedevalError(
            f"{checkpoint}: llama.cpp's converter gave up (code {process.returncode}):\n    " + "\n    ".join(last),
            "If it does not know the architecture or the tokenizer, use a GGUF that the publisher ships.",
        )


def _package_versions(environment: Path) -> dict[str, str]:
    code = f"import importlib.metadata as m, json; print(json.dumps({{p: m.version(p) for p in {_PACKAGES!r}}}))"
    result = subprocess.run([str(_python(environment)), "-c", code], capture_output=True, text=True, check=True)
    versions: dict[str, str] = json.loads(result.stdout)
    return versions
