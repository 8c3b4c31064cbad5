"""The page as a whole: it shows what the documents say, escapes what people wrote, and loads nothing."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
import report_documents as documents

from medeval.errors import MedevalError
from medeval.publication.desk_audit.findings import CheckOutcome
from medeval.publication.desk_audit.findings import Reservation as AuditFlag
from medeval.report import names
from medeval.report.page import write_report
from medeval.run.config import Mode
from medeval.scores.score import STATUSES
from medeval.verdicts.verdict import Flag as VerdictFlag
from medeval.verdicts.verdict import Verdict


class Page(HTMLParser):
    """What a browser would find: text, numbers, loaded addresses, and whether every tag is closed."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.numbers: Counter[tuple[str, str]] = Counter()
        self.verdicts: list[str] = []
        self.text = ""
        self._value: str | None = None
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [f"{tag} {found[key]}" for key in ("src", "href", "srcset", "data") if found.get(key)]
        self.loads += [tag] if tag in {"script", "link", "iframe", "object", "embed"} else []
        self._value = found.get("value") if tag == "data" else None
        if "data-verdict" in found:
            self.verdicts.append(found["data-verdict"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self._value is not None:
            self.numbers[self._value, data] += 1
            self._value = None


@pytest.fixture
def render(tmp_path):
    def run(config=None, compared=None, decided=None, details=()):
        comparisons, verdicts = documents.write_run(tmp_path, compared, decided)
        write_report(config or documents.config(), comparisons, verdicts, details, tmp_path / "report.html")
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return run


@pytest.fixture
def full(render, tmp_path):
    return render(details=documents.write_details(tmp_path))


def test_every_verdict_appears_with_its_claim_and_its_plain_sentence(full):
    page = Page(full)
    for entry in documents.verdicts():
        assert entry["sentence"] in page.text
        assert entry["plain"] in page.text
        assert f'id="claim-{entry["claim_id"]}"' in full
    assert set(page.verdicts) == {str(verdict) for verdict in Verdict}


def test_the_verdict_table_leads_every_other_section(full):
    places = [full.index(f'<section id="{name}"') for name in ("verdicts", "scores", "quantization", "healthbench")]
    places += [full.index(f'<section id="{name}"') for name in ("contamination", "audit", "methods")]
    assert places == sorted(places)


def test_what_people_wrote_is_escaped(full):
    assert "Scores say &lt;b&gt;nothing&lt;/b&gt; &amp; prove nothing." in full
    assert "A note on &lt;q4&gt;." in full
    assert "Printed claim &lt;one&gt;." in full
    assert "<b>nothing</b>" not in full


def test_the_page_loads_nothing_and_runs_no_script(full):
    assert all(load.startswith("a #") for load in Page(full).loads)
    style = full[full.index("<style>") : full.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    assert not re.search(r'\son\w+="', full)


def test_accuracies_are_shown_in_percent_with_the_value_of_the_document(full):
    numbers = Page(full).numbers
    for entry in documents.comparisons()["scores"]:
        value = entry["accuracy"]["value"]
        assert numbers[str(value), f"{100 * value:.1f}"] >= 1
    assert numbers["0.4567", "45.7"] >= 1  # by hand, so that the formula above cannot hide an error


def test_a_claim_that_turns_a_comparison_around_shows_the_opposite_sign(full):
    numbers = Page(full).numbers
    # Quantization, reference first: the worst benchmark of the summary, the difference and leave-one-out.
    assert numbers["0.0432", "+4.32"] == 3
    assert numbers["-0.0432", "−4.32"] >= 2  # evidence of c2 and c3, quantized file first
    evidence = full[full.index('id="claim-c3"') : full.index('id="claim-c4"')]
    assert "(without PubMedQA) to" in evidence  # the lower end of q4 minus f16 is what f16 minus q4 has on top


def test_verdict_estimates_are_shown_as_decided(full):
    numbers = Page(full).numbers
    assert numbers["-1.62", "−1.62"] == 1
    assert ">69.2 % smaller<" in full  # a number without rounding carries no second value
    assert numbers["-4.62", "−4.62"] >= 1
    assert "not measured" in full[full.index('id="claim-c4"') :]


def test_a_system_without_failures_and_one_with_many_are_told_apart(full):
    row = r'<th scope="row">{}</th>(?:(?!</tr>).)*<code>\[{}\]</code>'
    clean = re.search(row.format("f16", 0), full, re.DOTALL).group()
    failing = re.search(row.format("q4", 1), full, re.DOTALL).group()
    assert clean.count('class="zero"') == 5
    assert re.findall(r'class="(?:zero|some|many)">(\d+)<', failing) == ["7", "1", "5", "2", "3"]
    assert failing.count("many") == 4  # 7, 5, 2 and 3 of 40 are 5 % or more; 1 is not
    assert failing.count("some") == 1


def test_accuracy_without_any_answer_has_no_value_when_unanswered_items_are_left_out(full):
    assert '<span class="absent">n/a</span>' in full


def test_chance_is_marked_where_it_is_known_and_named_as_unknown_elsewhere(full):
    assert 'class="mark chance" style="left:25.0%"' in full
    assert "chance level not in the document" in full
    assert "above chance" in full
    assert "cannot tell" in full


def test_the_margin_and_the_outcome_of_non_inferiority_are_shown(full):
    section = full[full.index('<section id="quantization"') : full.index('<section id="healthbench"')]
    assert 'class="forest with-zero with-margin"' in section
    assert "Undecided" in section
    assert '<data value="61601000">61.6</data> MB' in section
    assert '<data value="4.5678">4.57</data>' in section


def test_missing_parts_are_said_in_words(render):
    html = render(compared=documents.comparisons(comparisons=[]), decided=[])
    for words in (
        "HealthBench was not graded: the configuration names no judge.",
        "No HealthBench conversation was graded in this run, so there is no score.",
        "no text was searched for the test items in this run",
        "No desk audit was given",
        "No quantized file was compared with its reference in this run.",
        "Not described in this report: tiny/f16, tiny/q4.",
    ):
        assert words in html


def test_healthbench_shows_clipped_and_unclipped_scores_bounds_and_the_judge(render):
    judge = {"type": "local", "model": "tiny", "variant": "f16"}
    negative = documents.estimate(-0.123, -0.3, 0.05, 12)
    conversations = [documents.graded(documents.F16, negative), documents.graded(documents.Q4, None)]
    html = render(documents.config(judge=judge), documents.comparisons(conversations=conversations))
    numbers = Page(html).numbers
    assert numbers["-0.123", "−12.3"] == 1
    assert "<td>0.0</td>" in html
    assert numbers["0.21", "21.0"] == 2
    assert "This judge is not credible" in html
    assert "no conversation has all its grades" in html
    assert "judged by judge@1" in html


def test_a_healthbench_score_that_lacks_too_many_grades_says_so(render):
    overall = documents.estimate(0.1, 0.0, 0.2)
    few = documents.graded(documents.F16, overall) | {"missing_share": 0.005}
    many = documents.graded(documents.Q4, overall) | {"missing_share": 0.0051}
    words = "more than 0.5 % of the grades are missing: not to be used"
    assert words not in render(compared=documents.comparisons(conversations=[few]))
    assert render(compared=documents.comparisons(conversations=[few, many])).count(words) == 1


def test_conversations_that_no_two_systems_share_are_named_and_not_plotted(render):
    conversations = [
        documents.graded(system, documents.estimate(0.1, 0.0, 0.2)) for system in (documents.F16, documents.Q4)
    ]
    pair = {"a": documents.F16, "b": documents.Q4, "subset": "main", "items": 0, "missing": 3, "judge": "judge@1"}
    pair |= {"items_only_in_one": 24, "difference": None, "minimum_detectable_effect": None}
    untested = documents.part(
        "NOT_TESTABLE", metric="healthbench", estimate=None, reasons=["no conversation is shared"]
    )
    html = render(
        compared=documents.comparisons(conversations=conversations, conversation_comparisons=[pair]),
        decided=[documents.verdict("c1", "NOT_TESTABLE", untested)],
    )
    assert "Not compared (HealthBench main): Tiny: f16 minus q4; no conversation has a score for both." in html


def test_a_run_of_graded_conversations_alone_has_a_page(render):
    conversations = [documents.graded(documents.F16, documents.estimate(0.1, 0.0, 0.2))]
    compared = documents.comparisons(scores=[], averages=[], comparisons=[], conversations=conversations)
    assert "MedQA is configured and has no score in this run." in render(compared=compared, decided=[])


def test_what_could_not_be_compared_is_named_with_the_reason(render):
    left_out = {"a": documents.F16, "b": documents.Q4, "mode": "generate", "benchmark": "medqa"}
    left_out["reason"] = "the two share no item"
    html = render(compared=documents.comparisons(not_compared=[left_out]))
    assert "Not compared (generated answer, MedQA): Tiny: f16 minus q4; the two share no item." in html


def test_evidence_is_that_of_the_target_of_the_part(render):
    elsewhere = documents.comparison("generate")
    for side in ("a", "b"):
        elsewhere[side] = elsewhere[side] | {"target": "vulkan"}
    elsewhere["benchmarks"][0]["difference"] = documents.paired(0.0765, 0.05, 0.1, p_value=0.01)
    cpu = documents.comparisons()
    scores = [entry | {"target": target} for target in ("cpu", "vulkan") for entry in cpu["scores"]]
    compared = documents.comparisons(scores=scores, averages=[], comparisons=[*cpu["comparisons"], elsewhere])
    part = documents.part("NOT_REPRODUCED", metric="medqa", a="tiny/f16", b="tiny/q4", target="vulkan")
    html = render(compared=compared, decided=[documents.verdict("c1", "NOT_REPRODUCED", part)])
    evidence = html[html.index('id="claim-c1"') : html.index('<section id="scores"')]
    assert "MedQA: tiny/f16 against tiny/q4 on vulkan" in evidence
    assert "0.0765" in evidence
    assert "0.0432" not in evidence


def test_a_ratio_of_tokens_is_turned_round_with_its_claim(render):
    tokens = documents.tokens(0.5, 0.4, 0.625, median=0.25)
    compared = documents.comparison("generate") | {"tokens": tokens, "tokens_missing": None}
    numbers = {"unit": "ratio", "estimate": 2.0, "low": 1.6, "high": 2.5}
    parts = [
        documents.part("REPRODUCED", metric="tokens", a="tiny/f16", b="tiny/q4", unit="ratio"),
        documents.part("REPRODUCED", metric="tokens", **numbers),
    ]
    pages = [
        Page(
            render(
                compared=documents.comparisons(comparisons=[compared]),
                decided=[documents.verdict("c1", "REPRODUCED", part)],
            )
        )
        for part in parts
    ]
    assert pages[0].numbers["0.625", "0.625"] + pages[0].text.count("0.625") >= 3
    assert "0.625" not in pages[1].text
    assert pages[1].numbers["4.0", "4.000"] == 1  # the median of the items' own ratios


def test_overlap_shows_shares_untestable_items_and_the_items_found(full):
    section = full[full.index('<section id="contamination"') : full.index('<section id="audit"')]
    assert '<data value="0.0667">6.7</data>' in section
    assert "9 (22 %)" in section
    assert "found0001" in section
    assert "clean0001" not in section
    assert "nothing testable" in section
    assert "Not searched for: PubMedQA." in section


def test_prompts_are_shown_word_for_word_with_their_hash(full):
    from medeval.responses.prompts.render import template_sha256

    assert "Choose the one best option." in full
    assert template_sha256("generate") in full


def test_the_same_documents_give_the_same_bytes(render):
    assert render() == render()


def test_a_document_of_no_known_kind_is_refused_with_its_name(render, tmp_path):
    stray = documents.write_json(tmp_path / "stray.json", {"a": 1})
    with pytest.raises(MedevalError, match="stray.json"):
        render(details=[stray])


def test_verdicts_on_other_comparisons_are_refused(tmp_path):
    comparisons, verdicts = documents.write_run(tmp_path)
    documents.write_json(comparisons, documents.comparisons(seed=8))
    with pytest.raises(MedevalError, match="Run the verdict stage again"):
        write_report(documents.config(), comparisons, verdicts, [], tmp_path / "report.html")


@pytest.mark.parametrize(("known", "unknown"), [("UNDERPOWERED", "NEW_FLAG"), ("NOT_REPRODUCED", "UNHEARD_OF")])
def test_an_unknown_word_is_an_error_and_not_a_blank_and_leaves_no_report(tmp_path, known, unknown):
    comparisons, verdicts = documents.write_run(tmp_path)
    verdicts.write_text(verdicts.read_text().replace(f'"{known}"', f'"{unknown}"'))
    with pytest.raises(MedevalError, match=rf"(?s)verdicts.json.*{unknown}.*medeval verdict"):
        write_report(documents.config(), comparisons, verdicts, [], tmp_path / "report.html")
    assert not Path(tmp_path / "report.html").exists()


def test_the_report_has_words_for_everything_that_the_stages_can_say():
    assert set(names.VERDICTS) == {str(verdict) for verdict in Verdict}
    assert set(names.FLAGS) == {str(flag) for flag in (*VerdictFlag, *AuditFlag)}
    assert set(names.OUTCOMES) == {str(outcome) for outcome in CheckOutcome}
    assert set(names.FAILURES) == set(STATUSES) - {"answered"}
    assert set(names.MODES) == set(Mode.__args__)
