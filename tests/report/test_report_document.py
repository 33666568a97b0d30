"""The HTML report as text: complete, closed to the network, and deaf to what people wrote into it."""

import base64
import hashlib
import html as entities
import json
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from embedlab import report
from embedlab.cli import parser
from embedlab.cli.report import plan_of
from embedlab.comparing.method import METHODS
from embedlab.figures.readings import said_change, said_noise, said_p, said_standing
from embedlab.report import SECTIONS, Plan
from embedlab.report.plan import HOME
from embedlab.types import Uses
from embedlab.wording import difference
from tests.made import CONTROL_LINE, made, with_text, without_replicates
from tests.report.shelves import made_shelf, shelf_of, texts_of

PAYLOADS = (
    "</script><script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    '"><svg onload=window.hit=1>',
    "{{ 7*7 }}{% raw %}",
    "<!--<script>",
)


class Page(HTMLParser):
    """Tags, attributes and script bodies as a browser's parser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else None
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, body = self.scripts[-1]
            self.scripts[-1] = (attributes, body + data)
        elif self._inside is None:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def document() -> str:
    shelf = made_shelf(overview=True)
    return report.html(shelf, texts=texts_of(shelf.comparison)).decode()


@pytest.fixture(scope="module")
def page(document: str) -> Page:
    return Page(document)


def test_the_answer_comes_first_and_everything_else_is_there(page: Page) -> None:
    comparison, _ = made()
    text = page.text
    ids = [attributes.get("id") for tag, attributes in page.tags if tag == "section"]
    assert ids == ["answer", "changed", "layers", "neighbours", "senses", "map", "measured", "provenance"]
    assert text.index("HELPED") < text.index("What changed most", text.index("HELPED"))
    for sentence in (comparison.verdict.task_line, comparison.verdict.space_line, *comparison.verdict.why):
        assert sentence in text
    assert "The axes mean nothing" in text
    assert "Placebo" in text
    for fact in (
        comparison.provenance.corpus_id,
        comparison.provenance.command,
        comparison.provenance.after_fingerprint,
    ):
        assert fact in text
    assert "numpy 2.4.0" in text


def test_every_reading_of_every_layer_stands_there_with_its_interval(page: Page) -> None:
    comparison, _ = made()
    for layer in comparison.layers:
        for reading in layer.readings.values():
            if reading.before is not None and reading.after is not None:
                assert difference(reading.after - reading.before, reading.interval) in page.text
            assert said_noise(reading) in page.text
            assert said_p(reading.p) in page.text
            assert said_standing(reading) in page.text
    assert "Needs more rows than dimensions." in page.text


def test_the_verdict_has_its_scores_answers_regions_and_expectations(page: Page) -> None:
    comparison, _ = made()
    verdict, text = comparison.verdict, page.text
    for score in verdict.scores:
        assert said_change(score) in text
    assert f"+ {len(verdict.won)} newly right" in text
    assert f"− {len(verdict.lost)} newly wrong" in text
    for answer in (*verdict.won, *verdict.lost):
        assert " ".join((answer.text[answer.end :]).split()) in text
    for part in verdict.collateral:
        assert part.region in text
        assert said_change(part.drift) in text
        assert said_change(part.kept) in text
    for expectation in comparison.expectations:
        assert expectation.statement in text
        assert expectation.detail in text
    assert text.count("✗ failed") == 2


def test_words_within_noise_are_grey_and_say_so(document: str, page: Page) -> None:
    comparison, _ = made()
    above = int(comparison.words.changed(3).sum())
    assert f"{above} of 40 words changed by more than noise. {comparison.noise.line}" in page.text
    ranked = document[document.index('class="changed"') :].split("</table>")[0].split("<tr")[2:]
    assert [' class="within"' in row for row in ranked] == [rank >= above for rank in range(len(ranked))]
    assert ["within noise" in row for row in ranked] == [rank >= above for rank in range(len(ranked))]


def test_without_other_seeds_the_report_says_what_is_unknown() -> None:
    comparison, _ = made(copies=1)
    text = Page(report.html(shelf_of(without_replicates(comparison))).decode()).text
    assert CONTROL_LINE in text
    assert "differs, noise unknown" in text
    assert "noise unknown" in text[text.index("The space") : text.index("What changed most", 400)]


def test_how_each_number_is_measured_is_an_appendix_that_opens(document: str, page: Page) -> None:
    for method in METHODS:
        assert method.heading in page.text
        for line in (*method.formula, *method.limits, *method.source):
            assert " ".join(line.split()) in page.text
    assert document.count('<details class="method">') == len(METHODS)


def test_only_our_three_scripts_may_run(document: str, page: Page) -> None:
    policies = [
        a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    policy = policies[0] or ""
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    script_rule = re.search(r"script-src ([^;]*)", policy)
    assert script_rule is not None
    assert "unsafe-inline" not in script_rule[1]
    running = [body for attributes, body in page.scripts if "type" not in attributes]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'" for body in running}
    assert len(running) == 3
    assert set(script_rule[1].split()) == hashes


def test_nothing_is_asked_of_the_network(page: Page) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("srcset", "action", "data", "poster"):
            assert name not in attributes, (tag, name)
        assert (attributes.get("src") or "data:image/svg+xml;base64,").startswith("data:image/svg+xml;base64,")
        # links are followed by a person alone: within the page, or to the EmbedLab that made it
        assert (attributes.get("href") or "#").startswith(("#", f"{HOME}/"))
    style = next(iter(re.findall(r"url\(|@import", " ".join(str(a) for _, a in page.tags))), None)
    assert style is None


def test_the_file_is_of_a_size_to_send(document: str) -> None:
    assert len(document.encode()) < 8_000_000


def test_plotly_is_there_once(document: str) -> None:
    assert document.count("plotly.js v") == 1


def test_the_same_comparison_gives_the_same_bytes() -> None:
    one, two = (report.html(made_shelf(copies=1, overview=True)) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_people_wrote_stays_text(payload: str) -> None:
    comparison, maps = made(copies=1)
    clean, hostile = (
        Page(report.html(shelf_of(c, maps, overview=True), texts=texts_of(c)).decode())
        for c in (with_text(comparison, "x"), with_text(comparison, payload))
    )
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in clean.tags]
    assert not any(name.startswith("on") for _, attributes in hostile.tags for name in attributes)
    assert payload in " ".join(hostile.words)
    for attributes, body in hostile.scripts:
        if attributes.get("type") == "application/json":
            assert not set("<>&") & set(body)
            json.loads(body)
    assert "49{" not in hostile.text


def test_headings_do_not_skip_and_every_figure_and_table_has_words(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    plots = [attributes for tag, attributes in page.tags if attributes.get("class") == "plot"]
    assert len(plots) >= 6
    assert all(attributes["role"] == "img" and len(attributes["aria-label"] or "") > 30 for attributes in plots)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table")


def test_a_report_without_target_words_maps_or_texts() -> None:
    comparison, _ = made(copies=1)
    layers = len(comparison.layers)
    nothing = np.zeros((layers, 0), dtype=np.float32)
    bare = replace(comparison, uses=Uses((), np.zeros(0, dtype=bool), nothing, nothing), sense_readings={})
    text = Page(report.html(shelf_of(bare)).decode()).text
    assert "HELPED" in text
    assert "Senses" not in text.replace("Senses, made for tests", "")


def test_words_asked_for_are_the_words_shown() -> None:
    shown = Page(report.html(made_shelf(copies=1), Plan(words=("loan",))).decode())
    assert "Neighbours of “loan”" in shown.text
    assert "Neighbours of “bank”" not in shown.text


def test_only_the_sections_asked_for_are_there() -> None:
    shelf = made_shelf(copies=1, overview=True)
    for name in SECTIONS:
        ids = [a.get("id") for tag, a in Page(report.html(shelf, Plan((name,))).decode()).tags if tag == "section"]
        assert ids == ["answer", name, "provenance"]
    bare = Page(report.html(shelf, Plan(())).decode())
    assert [a.get("id") for tag, a in bare.tags if tag == "section"] == ["answer", "provenance"]
    assert "--sections none" in bare.text


def test_only_the_layers_asked_for_are_tabled_and_the_own_one_comes_first() -> None:
    text = Page(report.html(made_shelf(copies=1), Plan(("layers",), layers=(1, 2), layer=2)).decode()).text
    assert "Every reading at layer 2" in text
    assert text.index("Every reading at layer 2") < text.index("Every reading at layer 1")
    assert "Every reading at layer 3" not in text


def test_every_figure_carries_its_link_and_the_command_that_makes_it(document: str, page: Page) -> None:
    comparison, _ = made()
    figures = [a for tag, a in page.tags if a.get("class") in ("plot", "pane")]
    links = [a["href"] or "" for tag, a in page.tags if tag == "a" and (a.get("href") or "").startswith("http")]
    assert len(links) == len(figures)
    assert f"{HOME}/?c={comparison.id}&layer=3&word=bank" in links
    assert f"{HOME}/map?c={comparison.id}&layer=3" in links
    commands = re.findall(r"<code>(python -m embedlab figure [^<]*)</code>", document)
    assert len(commands) == len(figures)
    for command in commands:  # each is a command that the command line knows
        options = parser().parse_args(shlex.split(entities.unescape(command))[3:])
        assert comparison.id.startswith(options.comparison)


def test_the_command_of_the_report_asks_for_the_same_plan() -> None:
    shelf = made_shelf(copies=1)
    plan = Plan(("changed", "layers", "neighbours"), ("loan", "bank"), (1, 2), 2)
    text = Page(report.html(shelf, plan).decode()).text
    command = re.search(r"python -m embedlab report .*?--out report\.html", text)
    assert command is not None
    assert plan_of(parser().parse_args(shlex.split(command[0])[3:])) == plan


def test_without_scripts_every_figure_is_a_drawing_in_the_theme() -> None:
    shelf = made_shelf(copies=1, overview=True)
    for theme, ink in (("light", "#1F2630"), ("dark", "#E3E7EC")):
        still = Page(report.html(shelf, still=theme).decode())  # type: ignore[arg-type]
        assert not still.scripts
        pictures = [a["src"] or "" for tag, a in still.tags if tag == "img"]
        live = [a for tag, a in Page(report.html(shelf).decode()).tags if a.get("class") in ("plot", "pane")]
        told = still.text.count("Its figure is in the file.")  # of the parts that stand closed
        assert (len(pictures) + told, told) == (len(live), 3)
        drawings = [base64.b64decode(source.partition(",")[2]).decode() for source in pictures]
        assert all(f'fill="{ink}"' in drawing for drawing in drawings)


def test_numbers_of_undefined_things_are_a_dash_and_not_nan() -> None:
    comparison, maps = made(copies=1)
    drift = np.full_like(comparison.words.drift, np.nan)
    change = np.full_like(comparison.uses.change, np.nan)
    odd = replace(
        comparison, words=replace(comparison.words, drift=drift), uses=replace(comparison.uses, change=change)
    )
    text = Page(report.html(shelf_of(odd, maps)).decode()).text
    assert "nan" not in entities.unescape(text).lower().split()
