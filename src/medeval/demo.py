"""`medeval demo`: the whole line on the embedded default, with the verdicts at the end."""

import subprocess
import sys
import time
from pathlib import Path

from medeval.claims.table import verdict_table
from medeval.files import read_json

_RESULTS = Path("results/demo")
_UP_TO_DATE = "Nothing to be done"


def run_demo(cores: int | None) -> int:
    """Run Snakemake on config/demo.yaml, then print the verdicts and where everything is.

    Returns:
        Snakemake's exit code.
    """
    began = time.monotonic()
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores or "all"), "--quiet", "host", "progress"]
    if not (_RESULTS / "report.html").exists():
        print("Running every stage on a small model: about 5 minutes on 2 cores, once its 93 MB are fetched.")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    output = [_show(line, began) for line in process.stdout]
    code = process.wait()
    if code:
        print(f"The run stopped with an error. Logs of each job: {_RESULTS}/logs. Running again continues.")
        return code
    if any(_UP_TO_DATE in line for line in output):
        print("Everything is up to date: nothing was run.")
    print(verdict_table(read_json(_RESULTS / "verdicts.json")))
    print(f"report:  {_RESULTS}/report.html")
    print(f"MLflow:  mlflow ui --backend-store-uri sqlite:///{_RESULTS}/mlflow.db")
    return 0
