"""How fast the engine is, in ratios to others within one run: interleaved, repeated, median and range.

    make bench LLAMA_TOOLS=/path/to/llama.cpp/build/bin

The others are llama-cpp-python asked one by one, and, from a build of the same llama.cpp in LLAMA_TOOLS, llama-server,
llama-perplexity and llama-batched-bench. What is not there is named as not run.
"""

import argparse
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx2
import llama_cpp
import numpy as np

from medeval.responses.engines.llama_engine import LlamaEngine
from medeval.responses.engines.llama_model import LlamaModel
from medeval.responses.engines.probe import chosen_width, speeds
from medeval.responses.engines.types import GenerationRequest, ScoreRequest

# Characters of 8,090 questions of MedQA, MedMCQA and MMLU's health subjects, and of their options, at these quantiles.
QUANTILES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
QUESTION_CHARACTERS = (4, 29, 37, 49, 60, 72, 87, 112, 172, 357, 690, 891, 4671)
OPTION_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
OPTION_CHARACTERS = (1, 7, 11, 20, 36, 63, 312)
WORDS = (  # noqa: SIM905
    "patient fever cough drug heart lung blood bone pain treatment which following most likely cause of the with and "
    "a year old woman man presents to clinic history chest abdominal physical examination shows laboratory studies "
    "serum diagnosis management next step infection chronic acute renal liver"
).split()
NOT_RUN = "not run: give --llama-tools"

Contestant = Callable[[], float]


@dataclass
class Race:
    """Contestants that do the same work in turn; each returns units of work done."""

    title: str
    unit: str
    contestants: dict[str, Contestant]
    speeds: dict[str, list[float]] = field(default_factory=dict)

    def run(self, repetitions: int) -> None:
        """Run every contestant `repetitions` times, in an order that turns from one repetition to the next."""
        names = list(self.contestants)
        for repetition in range(repetitions):
            for name in names[repetition % len(names) :] + names[: repetition % len(names)]:
                began = time.perf_counter()
                units = self.contestants[name]()
                self.speeds.setdefault(name, []).append(units / (time.perf_counter() - began))

    def lines(self) -> Iterator[str]:
        """Yield the table: speeds, and the ratio of the first contestant to each other, repetition by repetition."""
        first, *others = self.speeds
        yield f"{self.title} ({self.unit} per second)"
        yield f"  {first:44} {_spread(self.speeds[first])}"
        for name in others:
            ratios = [mine / theirs for mine, theirs in zip(self.speeds[first], self.speeds[name], strict=True)]
            yield f"  {name:44} {_spread(self.speeds[name])}   ratio {_spread(ratios)}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="GGUF file")
    parser.add_argument("--llama-tools", type=Path, help="folder with llama-server, -perplexity and -batched-bench")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--questions", type=int, default=256, help="questions whose options are scored")
    parser.add_argument("--replies", type=int, default=32, help="replies per generation race")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--width", type=int, help="replies decoded together; measured when not given")
    parser.add_argument("--only", default="", help="run only the races whose title holds this text")
    parser.add_argument("--out", type=Path, help="JSON to write")
    options = parser.parse_args()
    report: dict[str, Any] = {
        "threads": options.threads,
        "repetitions": options.repetitions,
        "load_before": os.getloadavg(),
        "processor": llama_cpp.llama_print_system_info().decode(),
    }
    model = LlamaModel(options.weights)
    prefill, by_width = speeds(model, [1, 2, 4, 8, 16, 32, 64], options.threads)
    model.close()
    width = options.width or chosen_width(by_width)
    report |= {"prefill": prefill, "decode_by_width": by_width, "width": width}
    click.echo(f"reading {prefill:,.0f} tokens/s; generating by width: ", nl=False)
    click.echo(", ".join(f"{known}: {speed:,.0f}" for known, speed in by_width.items()) + f"; width {width} is used")
    for race in races(options, width):
        if options.only not in race.title:
            continue
        race.run(options.repetitions)
        for line in race.lines():
            click.echo(line)
        report[race.title] = race.speeds
    report["memory"] = memory(options, width)
    click.echo("memory: " + json.dumps(report["memory"]))
    report["load_after"] = os.getloadavg()
    if options.out:
        options.out.write_text(json.dumps(report, indent=2))


def races(options: argparse.Namespace, width: int) -> Iterator[Race]:
    """Yield the races; what they need is made before and removed after each."""
    tools: Path | None = options.llama_tools
    engine = LlamaEngine(options.weights, threads=options.threads, sequences=width)
    fast = LlamaEngine(options.weights, threads=options.threads, sequences=width, schedule="fast")
    alone = llama_cpp.Llama(
        str(options.weights), n_ctx=2048, n_threads=options.threads, n_threads_batch=options.threads, verbose=False
    )
    rng = np.random.default_rng(0)
    questions = [multiple_choice(rng) for _ in range(options.questions)]
    for title, asked in (("letters, the options listed", lettered(questions)), ("texts", questions)):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "questions.bin"
            file.write_bytes(perplexity_tasks(asked))
            scoring: dict[str, Contestant] = {
                "one reading of each question": lambda asked=asked: score(engine, asked, together=True),  # type: ignore[misc]
                "the question read again for each option": lambda asked=asked: score(engine, asked, together=False),  # type: ignore[misc]
            }
            if tools:
                scoring["llama-perplexity --multiple-choice"] = perplexity(tools, options, file, len(asked))
            else:
                click.echo(f"llama-perplexity: {NOT_RUN}")
            click.echo(
                f"tokens without and with reading again, 4 options as {title}: {saved_tokens(engine, asked):.2f}"
            )
            yield Race(f"Scoring 4 options, {title}, of {len(asked)} questions", "questions", scoring)
    long = [text(rng, 150, engine.model) for _ in range(options.replies)]
    for new, name in ((256, "Decode-heavy"), (32, "Prefill-heavy")):
        contestants: dict[str, Contestant] = {
            f"audit, {width} together": lambda new=new: generate(engine, long, new),  # type: ignore[misc]
            f"fast, {width} together": lambda new=new: generate(fast, long, new),  # type: ignore[misc]
            "llama-cpp-python, one by one": lambda new=new: one_by_one(alone, long, new),  # type: ignore[misc]
        }
        if tools:
            with server(tools, options) as url:
                contestants["llama-server, 8 slots, 8 clients"] = lambda new=new: ask(url, long, new)  # type: ignore[misc]
                yield Race(f"{name}: 150 tokens read, {new} generated", "generated tokens", contestants)
        else:
            click.echo(f"llama-server: {NOT_RUN}")
            yield Race(f"{name}: 150 tokens read, {new} generated", "generated tokens", contestants)
    shots = text(rng, 1000, engine.model)
    shared = [f"{shots}\n\n{prompt}" for prompt in long]
    yield Race(
        "After a shared beginning of 1,000 tokens: 150 read, 32 generated",
        "generated tokens",
        {
            "shared": lambda: generate(engine, shared, 32, prefix=shots),
            "llama-cpp-python, one by one, read again": lambda: one_by_one(alone, shared, 32),
        },
    )
    if tools:
        for new in (64, 256):
            yield Race(
                f"Against the limit: {width} sequences, 150 tokens read, {new} generated",
                "tokens, read and generated,",
                {
                    "audit": lambda new=new: sum_of_tokens(engine, long[:width], new),  # type: ignore[misc]
                    "llama-batched-bench": batched_bench(tools, options, min(width, len(long)), new),
                },
            )
    else:
        click.echo(f"llama-batched-bench: {NOT_RUN}")
    alone.close()
    engine.close()
    fast.close()


def score(engine: LlamaEngine, questions: Sequence[tuple[str, tuple[str, ...]]], *, together: bool) -> float:
    """Score all options; apart, each in a request of its own."""
    if together:
        requests = [ScoreRequest(question, options) for question, options in questions]
    else:
        requests = [ScoreRequest(question, (option,)) for question, options in questions for option in options]
    assert sum(1 for _ in engine.score(requests)) == len(requests)
    return len(questions)


def generate(engine: LlamaEngine, prompts: Sequence[str], new: int, prefix: str = "") -> float:
    """Generate replies and count their tokens."""
    requests = [GenerationRequest(prompt, new, prefix=prefix) for prompt in prompts]
    return sum(completion.generated_tokens for _, completion in engine.generate(requests))


def sum_of_tokens(engine: LlamaEngine, prompts: Sequence[str], new: int) -> float:
    """Generate replies and count the tokens read and generated."""
    requests = [GenerationRequest(prompt, new) for prompt in prompts]
    return sum(reply.generated_tokens + reply.prompt_tokens for _, reply in engine.generate(requests))


def one_by_one(model: llama_cpp.Llama, prompts: Sequence[str], new: int) -> float:
    """Ask llama-cpp-python's own interface, which keeps nothing between prompts that share no beginning."""
    total = 0
    for prompt in prompts:
        model.reset()
        reply: Any = model.create_completion(prompt, max_tokens=new, temperature=0.0)
        total += reply["usage"]["completion_tokens"]
    return total


@contextmanager
def server(tools: Path, options: argparse.Namespace) -> Iterator[str]:
    """Run llama.cpp's server with 8 slots on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    threads = str(options.threads)
    command = [
        *[str(tools / "llama-server"), "-m", str(options.weights), "--port", str(port), "--parallel", "8"],
        *["-c", "4096", "-t", threads, "-tb", threads, "-fa", "off", "--no-webui"],
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                if httpx2.get(f"{url}/health").status_code == 200:
                    break
            except httpx2.TransportError:
                pass
            time.sleep(0.25)
        yield url
    finally:
        process.terminate()
        process.wait()


def ask(url: str, prompts: Sequence[str], new: int) -> float:
    """Ask the server for all replies, 8 at a time, and count their tokens."""

    def one(prompt: str) -> int:
        body = {"prompt": prompt, "n_predict": new, "temperature": 0, "cache_prompt": False}
        return int(httpx2.post(f"{url}/completion", json=body, timeout=600).json()["tokens_predicted"])

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(one, prompts))


def perplexity(tools: Path, options: argparse.Namespace, file: Path, questions: int) -> Contestant:
    """Return llama-perplexity on all questions; its time without questions is taken off by doing more of them."""
    threads = str(options.threads)
    command = [
        *[str(tools / "llama-perplexity"), "-m", str(options.weights), "--multiple-choice", "-bf", str(file)],
        *["-c", "2048", "-b", "2048", "-ub", "512", "-t", threads, "-tb", threads, "-fa", "off"],
    ]

    def seconds(*more: str) -> float:
        began = time.perf_counter()
        subprocess.run([*command, *more], check=True, capture_output=True)
        return time.perf_counter() - began

    empty = statistics.median(seconds("--multiple-choice-tasks", "1") for _ in range(3))

    def run() -> float:
        took = seconds()
        # Loading is not what is compared: units are scaled so that units / took is questions per second of scoring.
        return questions * took / (took - empty)

    return run


def batched_bench(tools: Path, options: argparse.Namespace, width: int, new: int) -> Contestant:
    """Return llama.cpp's own benchmark at the same shape; it reports its time without loading."""
    threads = str(options.threads)
    command = [
        *[str(tools / "llama-batched-bench"), "-m", str(options.weights), "-npp", "150", "-ntg", str(new)],
        *["-npl", str(width), "-c", str(512 * width), "-b", "2048", "-ub", "512", "-fa", "off", "-no-kvu"],
        *["-t", threads, "-tb", threads, "--output-format", "jsonl"],
    ]

    def run() -> float:
        began = time.perf_counter()
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        took = time.perf_counter() - began
        [line] = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        return width * (150 + new) / (float(line["t_pp"]) + float(line["t_tg"])) * took

    return run


def memory(options: argparse.Namespace, width: int) -> dict[str, float]:
    """Compare what a process of its own takes for the engine with what llama.cpp says it allocates, in MiB."""
    code = f"""
import json
from pathlib import Path
from medeval.responses.engines.llama_context import LlamaContext
from medeval.responses.engines.llama_engine import LlamaEngine
from medeval.responses.engines.types import GenerationRequest
def kib(name):
    return int(next(l for l in open("/proc/self/status") if l.startswith(name)).split()[1])
before = kib("VmRSS")
seen = []
original = LlamaContext.__init__
def noted(self, *a, **k):
    original(self, *a, **k); seen.append(self.allocations)
LlamaContext.__init__ = noted
engine = LlamaEngine(Path({str(options.weights)!r}), threads={options.threads}, sequences={width})
prompts = ["word " * 150 + str(i) for i in range({width})]
list(engine.generate([GenerationRequest(p, 16) for p in prompts]))
stated = sum(engine.model.allocations.mib.values()) + sum(seen[0].mib.values())
print(json.dumps({{"python": before / 1024, "engine": (kib("VmHWM") - before) / 1024, "stated": stated,
                   **engine.model.allocations.mib, **seen[0].mib}}))
"""
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return {name: round(value, 1) for name, value in found.items()} | {
        "engine over stated": round(found["engine"] / found["stated"], 3)
    }


def multiple_choice(rng: np.random.Generator) -> tuple[str, tuple[str, ...]]:
    """Draw a question with four options, in words of this field and lengths of the real benchmarks."""

    def words(quantiles: Sequence[float], characters: Sequence[int]) -> str:
        length = int(np.interp(rng.random(), quantiles, characters))
        return " ".join(rng.choice(WORDS, max(1, length // 6)))

    question = words(QUANTILES, QUESTION_CHARACTERS)
    return f"Question: {question}\nAnswer:", tuple(
        f" {words(OPTION_QUANTILES, OPTION_CHARACTERS)} {number}" for number in range(4)
    )


def lettered(questions: Sequence[tuple[str, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    """Put the options into the question and ask for a letter."""
    asked = []
    for question, options in questions:
        listed = "".join(f"\n{letter}.{option}" for letter, option in zip("ABCD", options, strict=True))
        asked.append((question.removesuffix("Answer:").rstrip() + listed + "\nAnswer:", (" A", " B", " C", " D")))
    return asked


def saved_tokens(engine: LlamaEngine, questions: Sequence[tuple[str, tuple[str, ...]]]) -> float:
    """Return how many times as many tokens are read when every option reads its question again."""
    together = apart = 0
    for question, options in questions:
        prompt = len(engine.model.tokenize(question))
        longer = [len(engine.model.tokenize(question + option)) - prompt for option in options]
        together += prompt + sum(length - 1 for length in longer)
        apart += sum(prompt + length - 1 for length in longer)
    return apart / together


def text(rng: np.random.Generator, tokens: int, model: LlamaModel) -> str:
    """Draw words until a text has this many tokens."""
    found = "The"
    while len(model.tokenize(found)) < tokens:
        found += f" {rng.choice(WORDS)}"
    return found


def perplexity_tasks(questions: Sequence[tuple[str, tuple[str, ...]]]) -> bytes:
    """Write the questions in llama-perplexity's format: a count, places, then texts with their lengths."""

    def string(value: str) -> bytes:
        data = value.encode()
        return struct.pack("<I", len(data)) + data

    def answers(options: Sequence[str]) -> bytes:
        texts = b"".join(string(option.strip()) for option in options)
        return struct.pack("<I", len(options)) + texts + struct.pack(f"<{len(options)}i", 1, *[0] * (len(options) - 1))

    tasks = [string(question) + answers(options) * 2 for question, options in questions]
    places = np.cumsum([4 + 4 * len(tasks), *(len(task) for task in tasks[:-1])])
    return struct.pack(f"<I{len(tasks)}I", len(tasks), *places.tolist()) + b"".join(tasks)


def _spread(values: Sequence[float]) -> str:
    digits = 1 if max(values) >= 10 else 2
    return f"{statistics.median(values):8,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


if __name__ == "__main__":
    main()
