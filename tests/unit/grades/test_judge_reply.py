"""A judge's reply is read where it is beyond doubt, and is missing otherwise: never guessed."""

import json

import pytest

from medeval.grades.judge_reply import Grade, parse_grade, parse_grades

GOOD = '{"explanation": "It says so.", "criteria_met": true}'


@pytest.mark.parametrize(
    ("text", "met"),
    [
        (GOOD, True),
        ('```json\n{"criteria_met": false}\n```', False),
        ('Here it is:\n```\n{"criteria_met": false,}\n```\nI hope this helps.', False),
        ('{"explanation": "a, } b", "criteria_met": true,\n}', True),
        ('Let me think {about it}. {"criteria_met": true}', True),
        ('[5] is the criterion. {"criteria_met": true}', True),
        ('[{"criteria_met": false}]', False),
        ('{"verdict": {"explanation": "x", "criteria_met": true}}', True),
        ('{"explanation": "it wrote {\\"criteria_met\\": true}", "criteria_met": false}', False),
        ('{"criteria_met": true} and again {"criteria_met": true}', True),
        ('<think>{"criteria_met": true}</think> {"criteria_met": false}', False),
        ('a template opened the thought {"criteria_met": true}</think>{"criteria_met": false}', False),
        ('{"criteria_met": "False"}', False),
        ("{'explanation': 'it says so', 'criteria_met': False}", False),
        ('{"explanation": "first\nsecond", "criteria_met": true}', True),
        ('{"explanation": "it says "call 911" early", "criteria_met": true}', True),
        ('{"explanation": "a dose of \\mu", "criteria_met": false}', False),
        ('{explanation: "bare keys", criteria_met: true}', True),
        (
            '<|channel|>analysis<|message|>{"criteria_met": false}<|end|><|start|>assistant<|channel|>final<|message|>'
            '{"criteria_met": true}',
            True,
        ),
    ],
)
def test_a_grade_is_found_in_what_surrounds_it(text: str, met: bool) -> None:
    assert parse_grade(text).met is met


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes, the criterion is met.",
        '{"criteria_met": "yes"}',
        '{"explanation": "it says {"criteria_met": true} itself", "criteria_met": false}',
        "{'criteria_met': None}",
        '{"explanation": "a "quote", "criteria_met": false, "criteria_met": true}',
        '<|channel|>analysis<|message|>{"criteria_met": true}',
        '{"criteria_met": 1}',
        '{"criteria_met": null}',
        '{"explanation": "cut',
        '{"explanation": "cut", "criteria_met": tr',
        '{"met": true}',
        # objects that contradict each other, within one object too: which one is meant is not known
        '{"criteria_met": true} No: {"criteria_met": false}',
        '{"criteria_met": true, "criteria_met": false}',
        '{"criteria_met": null} {"criteria_met": true}',
        '<think>so {"criteria_met": true}',
        '{"a":' * 5_000,
    ],
)
def test_what_is_no_clear_grade_is_unusable_and_never_not_met(text: str) -> None:
    grade = parse_grade(text)
    assert (grade.met, grade.status) == (None, "unusable")


def test_half_a_surrogate_pair_is_replaced_so_that_it_can_be_stored() -> None:
    grade = parse_grade('{"criteria_met": true, "explanation": "cut \\ud83d"}')
    assert grade == Grade(True, "cut ?", "graded")


def listed(*met: object, start: int = 1) -> str:
    return json.dumps(
        [{"criterion": start + i, "explanation": "", "criteria_met": value} for i, value in enumerate(met)]
    )


def grades(text: str, count: int) -> list[bool | None]:
    return [grade.met for grade in parse_grades(text, count)]


def test_a_list_of_grades_is_read_by_number_and_not_by_place() -> None:
    assert grades(listed(True, False, True), 3) == [True, False, True]
    turned = '[{"criterion": 2, "criteria_met": false}, {"criterion": "1", "criteria_met": true}]'
    assert grades(turned, 2) == [True, False]
    assert grades(f'```json\n{{"verdicts": {listed(False, True)}}}\n```', 2) == [False, True]


def test_numbers_and_words_of_a_list_that_is_not_sound_json_are_kept() -> None:
    text = "[{'criterion': 1, 'explanation': 'so', 'criteria_met': True}, {'criterion': 2, 'criteria_met': False}]"
    first, second = parse_grades(text, 2)
    assert (first, second.met) == (Grade(True, "so", "graded"), False)


def test_a_criterion_that_the_list_lacks_is_missing_and_the_others_are_kept() -> None:
    assert grades(listed(True, False), 3) == [True, False, None]
    assert grades(listed(True, "yes", False), 3) == [True, None, False]
    assert grades(listed(True, False, True)[:-60], 3)[:2] == [True, False]
    both = listed(True, False)[:-1] + ', {"criterion": 1, "criteria_met": false}]'
    assert grades(both, 2) == [None, False]


@pytest.mark.parametrize(
    "text", [listed(True, False, start=0), listed(True, False, True), '[{"criteria_met": true}]', ""]
)
def test_a_list_that_is_numbered_otherwise_is_unusable_as_a_whole(text: str) -> None:
    assert grades(text, 2) == [None, None]
