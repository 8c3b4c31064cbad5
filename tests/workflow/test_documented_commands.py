"""Every command of the documents and every shipped profile starts: as written, or by a stand-in that says why.

Commands run in the order of the pages, in the folder of the small finished run with the project's files beside it.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from medeval.cli.app import main
from medeval.grades.judges.rows import read_rows
from tests.unit.weights.checkpoints import make_checkpoint
from tests.workflow.conftest import ROOT

PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))]
PAGES += ["config/demo/README.md", "results/README.md", "workflow/envs/README.md"]
COMMAND = re.compile(
    r"(?:\$ )?(?P<command>(?:(?:\.venv[\w-]*/bin/)?(?:medeval|snakemake|lm_eval)|make|hf|pip|python)( .*)?)"
)
RUN, WEIGHTS = "results/small", "results/small/weights/smollm2"
REPLIES, GRADES = f"{RUN}/responses/smollm2", f"{RUN}/grades/smollm2"
TABLES = f"{RUN}/items/*.parquet {RUN}/scores/smollm2/*/cpu/*.parquet"
LETTERS = """--protocol '{"modes": ["letter"], "headline": "letter"}'"""
LOCAL_JUDGE = """'{"type": "local", "model": "smollm2", "variant": "f16", "max_tokens": 64}'"""

HUB, GPU, CLUSTER, HOURS = "needs a hub", "needs a GPU", "needs a cluster", "takes minutes to hours"
PLACEHOLDER, JUDGE, SYSTEM, NAME_ONLY = (
    "names a placeholder",
    "needs a hosted judge",
    "belongs to another program",
    "is named, not given",
)


class StandIn(NamedTuple):
    """What is run instead of a documented command.

    Attributes:
        command: What is run.
        why: Why the command cannot be run as written.
    """

    command: str
    why: str


STAND_INS = {
    "snakemake": StandIn("snakemake -n", HOURS),
    ".venv/bin/snakemake --configfile config/medpsy.yaml": StandIn(
        "snakemake -n --configfile config/medpsy.yaml", HOURS
    ),
    ".venv/bin/snakemake --workflow-profile slurm --configfile config/medpsy.yaml "
    "--default-resources slurm_partition=NAME slurm_account=NAME": StandIn(
        "snakemake -n --workflow-profile slurm --configfile config/medpsy.yaml "
        "--default-resources slurm_partition=NAME slurm_account=NAME",
        CLUSTER,
    ),
    "snakemake --configfile config/NAME.yaml": StandIn("snakemake -n --configfile small.yaml", PLACEHOLDER),
    "snakemake audit": StandIn("snakemake -n audit", HOURS),
    "snakemake audit --configfile config/NAME.yaml": StandIn(
        "snakemake -n audit --configfile config/demo.yaml", PLACEHOLDER
    ),
    "snakemake audit_order": StandIn("snakemake -n audit_order", HOURS),
    "medeval agree cpu/medqa.parquet vulkan/medqa.parquet --items medqa.parquet --gate --out agreement.json": StandIn(
        f"medeval agree {REPLIES}/f16/cpu/medqa.parquet {REPLIES}/f16/cpu/medqa.parquet "
        f"--items {RUN}/items/medqa.parquet --gate --out agreement.json",
        GPU,
    ),
    "medeval agree f16/medqa.parquet q4_k_m/medqa.parquet --items medqa.parquet "
    "--again f16-again/medqa.parquet": StandIn(
        f"medeval agree {REPLIES}/f16/cpu/medqa.parquet {REPLIES}/q4_k_m/cpu/medqa.parquet "
        f"--items {RUN}/items/medqa.parquet --again {REPLIES}/f16/cpu/medqa.parquet",
        PLACEHOLDER,
    ),
    "medeval export every-eval-ever": StandIn("medeval export every-eval-ever --help", NAME_ONLY),
    "medeval lock config/medpsy.yaml": StandIn("medeval lock small.yaml", HUB),
    "medeval mirror config/medpsy.yaml --out /media/disk/mirror": StandIn(
        "medeval mirror small.yaml --out mirrored", HUB
    ),
    "medeval check FILE": StandIn("medeval check small.yaml", PLACEHOLDER),
    "medeval desk-audit config/claims/NAME.yaml": StandIn("medeval desk-audit config/claims/demo.yaml", PLACEHOLDER),
    "medeval healthbench score --grades grades.parquet --out scores.json": StandIn(
        f"medeval healthbench score --grades {GRADES}/f16/cpu.parquet --out scores.json", PLACEHOLDER
    ),
    "medeval healthbench score --grades grades.parquet --responses responses.parquet --out scores.json": StandIn(
        f"medeval healthbench score --grades {GRADES}/f16/cpu.parquet "
        f"--responses {REPLIES}/f16/cpu/healthbench.parquet --out scores.json",
        PLACEHOLDER,
    ),
    "medeval healthbench compare --grades a.parquet --grades b.parquet --responses both.parquet": StandIn(
        f"medeval healthbench compare --grades {GRADES}/f16/cpu.parquet --grades {GRADES}/q4_k_m/cpu.parquet "
        + " ".join(f"--responses {REPLIES}/{name}/cpu/healthbench.parquet" for name in ("f16", "q4_k_m")),
        PLACEHOLDER,
    ),
    "medeval grade --conversations healthbench.parquet --responses responses.parquet "
    "--judge config/judges/gpt-4.1.yaml --estimate": StandIn(
        f"medeval grade --conversations {RUN}/items/healthbench.parquet "
        f"--responses {REPLIES}/f16/cpu/healthbench.parquet --judge config/judges/gpt-4.1.yaml --estimate",
        PLACEHOLDER,
    ),
    "medeval grade --conversations healthbench.parquet --responses responses.parquet "
    "--judge config/judges/gpt-4.1.yaml --out grades.parquet": StandIn(
        f"medeval grade --conversations {RUN}/items/healthbench.parquet "
        f"--responses {REPLIES}/f16/cpu/healthbench.parquet --judge {LOCAL_JUDGE} "
        f"--judge-weights {WEIGHTS}/f16.gguf --threads 2 --out grades.parquet",
        JUDGE,
    ),
    "medeval judge meta-eval oss_meta_eval.jsonl --judge config/judges/gpt-oss-120b.yaml --estimate "
    "--out audit.json": StandIn(
        "medeval judge meta-eval config/demo/healthbench/meta.demo.jsonl "
        "--judge config/judges/gpt-oss-120b.yaml --estimate --out audit.json",
        HUB,
    ),
    "medeval judge meta-eval oss_meta_eval.jsonl --judge config/judges/gpt-oss-120b.yaml --samples 2 "
    "--out audit.json": StandIn(
        f"medeval judge meta-eval config/demo/healthbench/meta.demo.jsonl --judge {LOCAL_JUDGE} "
        f"--judge-weights {WEIGHTS}/f16.gguf --threads 2 --samples 2 --limit 2 --out asked.json",
        JUDGE,
    ),
    "medeval judge meta-eval oss_meta_eval.jsonl --verdicts theirs.parquet --out audit.json": StandIn(
        "medeval judge meta-eval config/demo/healthbench/meta.demo.jsonl --verdicts theirs.parquet --out audit.json",
        HUB,
    ),
    "medeval judge calibrate grades/*/*/cpu.parquet --rows oss_meta_eval.jsonl "
    "--verdicts audit.json.verdicts.parquet --out calibrated.json": StandIn(
        f"medeval judge calibrate {RUN}/grades/*/*/cpu.parquet --rows config/demo/healthbench/meta.demo.jsonl "
        "--verdicts theirs.parquet --out calibrated.json",
        HUB,
    ),
    "medeval judge panel grades-of-a/*.parquet grades-of-b/*.parquet grades-of-c/*.parquet "
    "--config config/medpsy.yaml --family gpt-oss=openai --family Llama=llama --out panel.json": StandIn(
        f"medeval judge panel {GRADES}/*/cpu.parquet grades-of-b/*.parquet --config small.yaml "
        "--family smollm2=llama --family other=openai --out panel.json",
        JUDGE,
    ),
    "medeval judge anchors anchors.parquet --official official.json --judged grades.parquet --published 0.74 "
    "--out a.json": StandIn(
        f"medeval judge anchors {GRADES}/f16/cpu.parquet --official official.json "
        f"--judged {GRADES}/q4_k_m/cpu.parquet --published 0.74 --out a.json",
        JUDGE,
    ),
    ".venv/bin/lm_eval run --model medeval "
    "--model_args pretrained=results/demo/weights/smollm2-135m-instruct/q4_k_m.gguf --include_path src/medeval/tasks "
    "--tasks src/medeval/tasks/medqa/cloze.yaml src/medeval/tasks/medqa/generate.yaml "
    """--metadata '{"items": "results/demo/items"}' --apply_chat_template --gen_kwargs max_gen_toks=48""": StandIn(
        f"lm_eval run --model medeval --model_args pretrained={WEIGHTS}/q4_k_m.gguf --include_path src/medeval/tasks "
        "--tasks src/medeval/tasks/medqa/cloze.yaml "
        f"""--metadata '{{"items": "{RUN}/items"}}' --apply_chat_template --gen_kwargs max_gen_toks=4""",
        HOURS,
    ),
    "medeval audit order results/NAME/items/*.parquet --seed 31415926 --out order.json": StandIn(
        f"medeval audit order {RUN}/items/*.parquet --seed 31415926 --out order.json", PLACEHOLDER
    ),
    "medeval audit order results/NAME/items/*.parquet --check order.json --rounds 30 --rounds-to first": StandIn(
        f"medeval audit order {RUN}/items/*.parquet --check order.json --rounds 30 --rounds-to first", PLACEHOLDER
    ),
    "medeval evaluate --items first/medqa.parquet ...": StandIn(
        f"medeval evaluate --items first/medqa.parquet --weights {WEIGHTS}/f16.gguf --model smollm2 --variant f16 "
        f"{LETTERS} --out first/replies.parquet",
        PLACEHOLDER,
    ),
    "medeval audit status config/NAME.yaml --order order.json results/NAME/items/*.parquet scores/*.parquet": StandIn(
        f"medeval audit status audited.yaml --order order.json {TABLES}",
        PLACEHOLDER,
    ),
    "medeval audit status config/NAME.yaml --plot audit.svg": StandIn(
        f"medeval audit status audited.yaml --order order.json {TABLES} --plot audit.svg",
        PLACEHOLDER,
    ),
    "medeval probe --weights small.gguf --threads 2 --out probe.json": StandIn(
        f"medeval probe --weights {WEIGHTS}/q4_k_m.gguf --threads 2 --sequences 4 --out probe.json", PLACEHOLDER
    ),
    "medeval plan config/medpsy.yaml --time": StandIn(
        f"medeval probe --weights {WEIGHTS}/q4_k_m.gguf --threads 2 --sequences 4 --out probe.json && "
        "medeval plan config/medpsy.yaml --time --speed-from probe.json",
        HOURS,
    ),
    "medeval verdict --claims config/claims/medpsy.yaml --scores results/medpsy/scores --scores results/medpsy/items "
    "--scores results/medpsy/grades --run config/medpsy.yaml --out verdicts.json "
    "results/medpsy/weights/*/*.gguf.json": StandIn(
        f"medeval verdict --claims config/claims/demo.yaml --scores {RUN}/scores --scores {RUN}/items "
        f"--scores {RUN}/grades --run small.yaml --out earlier.json {RUN}/weights/*/*.gguf.json",
        HOURS,
    ),
    "medeval verdict ... --against earlier.json --out now.json": StandIn(
        f"medeval verdict --claims config/claims/demo.yaml --scores {RUN}/scores --scores {RUN}/items "
        f"--scores {RUN}/grades --run small.yaml --against earlier.json --out now.json {RUN}/weights/*/*.gguf.json",
        PLACEHOLDER,
    ),
    ".venv-vllm/bin/medeval evaluate --target vllm --checkpoint path/to/checkpoint --items medqa.parquet "
    "--model medpsy-4b --variant bf16 --out responses.parquet": StandIn(
        f"medeval evaluate --target cpu --weights {WEIGHTS}/f16.gguf --items {RUN}/items/medqa.parquet "
        f"--model medpsy-4b --variant bf16 {LETTERS} --out responses.parquet",
        GPU,
    ),
    ".venv-vllm/bin/medeval": StandIn("medeval --help", GPU),
    "medeval convert CHECKPOINT --type BF16 --out bf16.gguf": StandIn(
        "medeval convert checkpoint --type BF16 --out bf16.gguf || [ ! -e .venv-convert ]", PLACEHOLDER
    ),
    "medeval imatrix bf16.gguf --text TEXT --out imatrix.gguf": StandIn(
        f"medeval imatrix {WEIGHTS}/f16.gguf --text config/demo/calibration.txt --threads 2 --out imatrix.gguf",
        PLACEHOLDER,
    ),
    "medeval quantize bf16.gguf --type Q4_K_M --imatrix imatrix.gguf --out q4_k_m.gguf": StandIn(
        f"medeval quantize {WEIGHTS}/f16.gguf --type Q4_K_M --imatrix imatrix.gguf --out q4_k_m.gguf", PLACEHOLDER
    ),
    "medeval gguf diff A B": StandIn(f"medeval gguf diff {WEIGHTS}/f16.gguf {WEIGHTS}/f16.gguf", PLACEHOLDER),
    "medeval gguf diff published-bf16.gguf ours-bf16.gguf": StandIn(
        f"medeval gguf diff {WEIGHTS}/q4_k_m.gguf {WEIGHTS}/q4_k_m.gguf", HUB
    ),
    "medeval gguf inspect FILE": StandIn(f"medeval gguf inspect {WEIGHTS}/q4_k_m.gguf", PLACEHOLDER),
    "python tests/bench/bench_score.py": StandIn("python tests/bench/bench_score.py --rows 2000", HOURS),
    "python tests/bench/bench_score.py --processes 2": StandIn(
        "python tests/bench/bench_score.py --rows 2000 --processes 2", HOURS
    ),
    "hf auth login": StandIn("hf auth login --help", HUB),
    "pip download": StandIn("python3 -m pip download --help", SYSTEM),
    "pip install --no-index --find-links FOLDER": StandIn("python3 -m pip install --help", SYSTEM),
}


def written_commands() -> Iterator[tuple[str, str]]:
    """Yield every command in the pages with its page: the lines of blocks, then what stands inside sentences."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        block = r"```(\w*)\n(.*?)```"
        for _, content in re.findall(block, text, re.DOTALL):
            for line in content.replace("\\\n", " ").splitlines():
                if found := COMMAND.fullmatch(line.strip()):
                    yield page, _without_comment(found["command"])
        for content in re.findall(r"`([^`]+)`", re.sub(block, "", text, flags=re.DOTALL)):
            if found := COMMAND.fullmatch(" ".join(content.split())):
                yield page, found["command"]


def _without_comment(command: str) -> str:
    lexer = shlex.shlex(command, posix=False, punctuation_chars=False)
    lexer.whitespace_split = True
    return " ".join(lexer)


DOCUMENTED = {command: page for page, command in reversed(list(written_commands()))}
IN_ORDER = list(dict.fromkeys(command for _, command in written_commands()))


def started(command: str) -> StandIn | None:
    """Return what stands in for a command, None where it is run as written."""
    words = command.split()
    if command in STAND_INS:
        return STAND_INS[command]
    if words[0] == "make":
        return StandIn(f"make -n {' '.join(words[1:])}", HOURS)
    if _only_named(words):
        return StandIn(f"{_bare(command)} --help", NAME_ONLY)
    return None


def _bare(command: str) -> str:
    return " ".join(word for word in command.split() if not word.startswith("--"))


def _only_named(words: list[str]) -> bool:
    """Return whether words are the name of a command, perhaps with an option of it, and no complete call."""
    if Path(words[0]).name != "medeval":
        return len(words) == 1
    place: object = main
    for word in words[1:]:
        if word.startswith("--"):
            continue
        if word not in getattr(place, "commands", {}):
            return False
        place = getattr(place, "commands")[word]  # noqa: B009 - a group, as was just seen
    return "--help" not in words and " ".join(words[1:]) not in ("schema",)


@pytest.fixture(scope="module")
def desk(finished_run: Path) -> Path:
    """The finished run's folder with the rest of the project, and the files that stand-ins read."""
    others = sorted(path.name for path in ROOT.glob("requirements*"))
    for name in (*others, ".venv", ".venv-convert", "tests", "src", "docs", "Makefile", "pyproject.toml"):
        if (ROOT / name).exists() and not (finished_run / name).exists():
            (finished_run / name).symlink_to(ROOT / name)
    publication = yaml.safe_load((finished_run / "config/claims/demo.yaml").read_text())
    publication["average"]["over"] = ["medqa", "medxpertqa"]
    (finished_run / "audited-claims.yaml").write_text(yaml.safe_dump(publication))
    audited = yaml.safe_load((finished_run / "small.yaml").read_text()) | {"claims": "audited-claims.yaml"}
    (finished_run / "audited.yaml").write_text(yaml.safe_dump(audited))
    rows = read_rows(finished_run / "config/demo/healthbench/meta.demo.jsonl")
    theirs = [{"item_id": item, "met": index % 3 > 0} for index, item in enumerate(rows.item_ids)]
    pq.write_table(pa.Table.from_pylist(theirs), finished_run / "theirs.parquet")
    (finished_run / "official.json").write_text(json.dumps({"smollm2": {"overall": 0.5}}))
    (finished_run / "grades-of-b").mkdir(exist_ok=True)
    for variant in ("f16", "q4_k_m"):
        table = pq.read_table(finished_run / GRADES / variant / "cpu.parquet")
        index = table.schema.get_field_index("judge")
        renamed = table.set_column(index, table.schema.field("judge"), [["other@1"] * len(table)])
        pq.write_table(renamed, finished_run / "grades-of-b" / f"{variant}.parquet")
    make_checkpoint(finished_run / "checkpoint", "Qwen3ForCausalLM", tied=True)
    return finished_run


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return subprocess.run(  # noqa: S602 - our own documents
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


NAMED = [command for command in IN_ORDER if started(command) == StandIn(f"{_bare(command)} --help", NAME_ONLY)]


@pytest.mark.parametrize("command", [command for command in IN_ORDER if command not in NAMED])
def test_a_documented_command_starts(command: str, desk: Path) -> None:
    stand_in = started(command)
    result = run(stand_in.command if stand_in else command, desk)
    assert result.returncode == 0, f"{DOCUMENTED[command]}: {command}\n{result.stdout[-1500:]}{result.stderr[-2500:]}"


@pytest.mark.parametrize("command", NAMED)
def test_a_command_that_a_sentence_names_exists_with_the_options_named(command: str) -> None:
    if Path(command.split()[0]).name == "medeval":
        result = CliRunner().invoke(main, [*_bare(command).split()[1:], "--help"])
        assert result.exit_code == 0
        assert [word for word in command.split() if word.startswith("--") and word not in result.output] == []
    else:
        assert run(f"{command} --help", ROOT).returncode == 0


@pytest.mark.parametrize("profile", sorted(path.name for path in (ROOT / "profiles").iterdir()))
def test_every_shipped_profile_plans_the_reproduction(desk: Path, profile: str) -> None:
    command = f"snakemake -n --workflow-profile profiles/{profile} --configfile config/medpsy.yaml"
    result = run(command, desk)
    assert result.returncode == 0, result.stderr[-2500:]
    assert f"profiles/{profile}" in result.stderr.splitlines()[0]
    assert re.search(r"^evaluate_shard\s+320$", result.stdout + result.stderr, re.MULTILINE)


def test_every_rule_that_fetches_runs_where_snakemake_runs() -> None:
    rules = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    fetching = set(re.findall(r"^rule (fetch\w*):", rules, re.MULTILINE))
    local = set(re.findall(r"\w+", " ".join(re.findall(r"^localrules:\n((?:    .*\n)+)", rules, re.MULTILINE))))
    assert fetching == local
    assert "--mirror" not in rules and rules.count("medeval fetch ") == len(fetching)


def test_the_stand_ins_are_listed_and_each_stands_for_a_documented_command(capsys: pytest.CaptureFixture[str]) -> None:
    listed = {command: stand_in for command in IN_ORDER if (stand_in := started(command))}
    lines = [f"{len(IN_ORDER)} documented commands; {len(IN_ORDER) - len(listed)} run as written, the others by:"]
    lines += [f"  {command}\n      {stand_in.why}: {stand_in.command}" for command, stand_in in listed.items()]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
    assert set(STAND_INS) <= set(IN_ORDER), "stand-ins for what no document says"
