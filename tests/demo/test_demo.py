"""The bundled corpus keeps what its datasheet promises."""

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

from embedlab import demo, occurrences
from embedlab.corpus import Columns, held_out, read
from embedlab.types import Corpus

DATASHEET = (Path(demo.__file__).parent / "DATASHEET.md").read_text(encoding="utf-8")


def senses() -> Corpus:
    imported = read(demo.senses_path(), "senses.csv")
    assert imported.refused == ()
    assert imported.columns == Columns("text", "topic", None, "target", "start", "end", None, "sense", None)
    return imported.corpus


def test_senses() -> None:
    corpus = senses()
    uses = occurrences.targets(corpus)
    assert len(uses) == len(corpus)
    by_word: dict[str, Counter[str]] = defaultdict(Counter)
    for use in uses:
        assert use.word is not None
        assert use.sense is not None
        assert use.sense.startswith(f"{use.word}.")
        assert use.surface.lower() in {
            use.word,
            f"{use.word}s",
            f"{use.word}es",
            "mice" if use.word == "mouse" else use.word,
        }
        by_word[use.word][use.sense] += 1
    assert len(by_word) >= 12
    assert {"bank", "mouse", "current"} <= set(by_word)
    assert all(len(counts) >= 2 and min(counts.values()) >= 20 for counts in by_word.values())
    assert len(set(corpus.texts)) == len(corpus)
    assert all(6 <= len(text.split()) <= 40 for text in corpus.texts)


def test_every_sense_has_held_out_rows() -> None:
    corpus = senses()
    held = held_out(corpus)
    counts = Counter(use.sense for use, side in zip(occurrences.targets(corpus), held, strict=True) if side)
    assert set(counts.values()) == {6}


def test_topics_do_not_give_the_senses_away() -> None:
    corpus = senses()
    topics = defaultdict(set)
    for use, topic in zip(occurrences.targets(corpus), corpus.labels or (), strict=True):
        topics[use.sense].add(topic)
    assert min(len(seen) for seen in topics.values()) >= 4


def test_pairs() -> None:
    imported = read(demo.pairs_path(), "pairs.csv")
    corpus = imported.corpus
    assert imported.refused == ()
    assert imported.columns == Columns(text="text", pair="answer")
    assert len(corpus) >= 200
    assert len(set(corpus.texts)) == len(set(corpus.pairs or ())) == len(corpus)
    assert not set(corpus.texts) & set(corpus.pairs or ())


def test_canary_is_apart() -> None:
    texts = demo.canary_texts()
    words = {use.word for use in occurrences.targets(senses())}
    assert len(texts) == len(set(texts)) >= 60
    for text in texts:
        assert text.strip() == text != ""
        found = {text[start:end].lower() for start, end in occurrences.word_spans(text)}
        assert not {form for word in words for form in (word, f"{word}s", f"{word}es", "mice")} & found


def test_every_text_of_the_demo_is_its_own() -> None:
    pairs = read(demo.pairs_path(), "pairs.csv").corpus
    texts = [*senses().texts, *pairs.texts, *(p for p in pairs.pairs or () if p), *demo.canary_texts()]
    plain = Counter(re.sub(r"\W+", " ", text.lower()).strip() for text in texts)
    assert max(plain.values()) == 1


def test_the_datasheet_tells_the_truth() -> None:
    rows = list(csv.DictReader(demo.senses_path().open(encoding="utf-8")))
    sizes = dict(re.findall(r"\| `([\w.]+)` \| (\d+) \|", DATASHEET))
    pairs = read(demo.pairs_path(), "pairs.csv").corpus
    assert sizes == {
        "senses.csv": str(len(rows)),
        "pairs.csv": str(len(pairs)),
        "canary.txt": str(len(demo.canary_texts())),
    }
    by_word: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["sense"] not in by_word[row["target"]]:
            by_word[row["target"]].append(row["sense"])
    table = re.findall(r"^\| (\w+) \| ([a-z, ]+) \|$", DATASHEET, re.MULTILINE)
    told = {word: listed.split(", ") for word, listed in table if word in by_word}
    assert told == {word: [sense.split(".")[1] for sense in listed] for word, listed in by_word.items()}
    count = sum(map(len, by_word.values()))
    each = set(Counter(row["sense"] for row in rows).values())
    assert each == {25}
    assert f"{len(by_word)} words, {count} senses, 25 sentences a sense" in DATASHEET
    topics = Counter(row["topic"] for row in rows).most_common()
    assert ", ".join(f"{topic} {n}" for topic, n in topics) in DATASHEET
    held = int(held_out(pairs).sum())
    assert f"Of the {held} held-out questions" in DATASHEET
