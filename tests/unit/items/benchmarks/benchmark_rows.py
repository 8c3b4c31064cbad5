"""Invented rows in the benchmarks' source schemas, and how to write them to files."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]


def jsonl(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def parquet(path: Path, rows: Sequence[Row]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def comma_separated(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def medqa(**changes: Any) -> Row:
    options = {"A": "Liver", "B": "Spleen", "C": "Heart", "D": "Lung"}
    row = {"question": "Which organ pumps blood?", "answer": "Heart", "options": options, "answer_idx": "C"}
    return row | {"meta_info": "step1", "metamap_phrases": ["organ"]} | changes


def medmcqa(**changes: Any) -> Row:
    row = {"id": "m-1", "question": "Which bone is in the arm?", "cop": 1, "choice_type": "single"}
    options = {"opa": "Femur", "opb": "Humerus", "opc": "Tibia", "opd": "Sternum"}
    return row | options | {"exp": "Ans. B", "subject_name": "Anatomy", "topic_name": None} | changes


def pubmedqa(pubid: int, decision: str = "yes", **changes: Any) -> Row:
    context = {
        "contexts": ["Aim of the trial.", "Results of it."],
        "labels": ["AIM", "RESULTS"],
        "meshes": [],
    }
    row = {"pubid": pubid, "question": f"Does treatment {pubid} work?", "context": context}
    return row | {"long_answer": "CONCLUSION TEXT", "final_decision": decision} | changes


def mmlu(subject: str = "anatomy", **changes: Any) -> Row:
    row = {
        "question": "How many chambers has the heart?",
        "subject": subject,
        "choices": ["1", "2", "3", "4"],
    }
    return row | {"answer": 3} | changes


def mmlu_pro(**changes: Any) -> Row:
    row = {"question_id": 70, "question": "Which is a vitamin?", "options": ["Iron", "Biotin", "Zinc"]}
    return row | {"answer": "B", "answer_index": 1, "cot_content": "", "category": "health", "src": "x"} | changes


def medxpertqa(**changes: Any) -> Row:
    question = "Which nerve extends the wrist?\nAnswer Choices: (A) Radial (B) Ulnar (C) Median"
    row = {"id": "Text-9000", "question": question, "options": {"A": "Radial", "B": "Ulnar", "C": "Median"}}
    place = {"medical_task": "Basic Science", "body_system": "Other / NA", "question_type": "Reasoning"}
    return row | {"label": "A"} | place | changes


def afrimedqa(**changes: Any) -> Row:
    options = {"option1": "Quinine", "option2": "Artesunate", "option3": "Aspirin", "option4": "n/a"}
    row = {"sample_id": "s1", "tier": "expert", "question_type": "mcq", "question": "Treats malaria?\r\n\r\n"}
    answer = {"answer_options": json.dumps(options), "correct_answer": "option2", "specialty": "Infections"}
    return row | answer | changes


def afrimedqa_flat(**changes: Any) -> Row:
    row = {"sample_id": "s1", "question": "Treats malaria?", "options_len": "3", "answer": "B"}
    return row | {"A": "Quinine", "B": "Artesunate", "C": "Aspirin", "D": "", "E": ""} | changes


def healthbench(**changes: Any) -> Row:
    rubrics = [
        {"criterion": "Asks for the dose", "points": 5, "tags": ["level:example", "axis:accuracy"]},
        {"criterion": "Guesses the dose", "points": -8, "tags": []},
    ]
    row = {
        "prompt_id": "p-1",
        "prompt": [{"role": "user", "content": "How much may I take?"}],
        "rubrics": rubrics,
    }
    return row | {"example_tags": ["theme:hedging", "physician_agreed_category:x"], "canary": "c"} | changes
