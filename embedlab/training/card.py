"""The model card: README.md of a finished model, with the YAML that model hubs read. Torch-free.

It says how the folder is loaded, what was trained, on which data, and what that did on held-out rows and to the canary.
What people typed (names of corpora, models, labels) is escaped, so that neither YAML nor Markdown can be broken.
"""

import re
from collections.abc import Sequence

from embedlab.lineage.kinds import SCRATCH
from embedlab.training import recipes
from embedlab.training.facts import BUILTIN, Facts, facts
from embedlab.training.objectives import objective
from embedlab.wording import MISSING, count, number, one_line, signed

__all__ = ["BUILTIN", "MEANINGS", "Facts", "card", "escaped", "facts", "fenced", "for_transformers"]

LONGEST_NAME = 120  # characters of a name or a label
MOST_CLASSES = 50
ST_HEADING = "## With sentence-transformers"
MEANINGS = {  # by objective: what its score is
    "labels": "the mean F1 over the labels, each row given the label whose mean training vector is nearest; 1 is best",
    "senses": "for each word the mean F1 over its senses, each use given the sense whose mean training vector is "
    "nearest, then the mean over the words; 1 is best",
    "pairs": "the mean of 1 / rank of a text's partner among all partners of the held-out rows, by cosine; 1 is best",
    "simcse": "of a text, the first half looks for the second: the mean of 1 / rank, by cosine; 1 is best",
    "triplets": "the share of texts whose partner is nearer than the negative, by cosine; 1 is best, .5 is chance",
    "scored": "Spearman's rank correlation of the cosine of two texts and their score; 1 is best, 0 is chance",
    "mlm": "the share of hidden pieces that are named first; 1 is best",
    "lm": "the share of words that are named first from those before them, and where the model reads both ways from "
    "those after them; 1 is best",
    "skipgram": "none: nothing in a text says which vector is right",
    "cbow": "none: nothing in a text says which vector is right",
    "glove": "none: nothing in a text says which vector is right",
    "translation": "the share of the words of the translation that are named first, those before them given; 1 is best",
}


def card(known: Facts) -> str:
    """The whole README.md."""
    parts = [
        _front(known),
        _head(known),
        *([_with_embedlab(known)] if known.kind else [_with_st(known), _with_transformers(known)]),
        _training(known),
        _data(known),
        _scores_table(known),
        _canary(known),
        _limits(),
        _versions(known),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def for_transformers(readme: str) -> str:
    """A card of ours for the same model without the files of sentence-transformers: that way of loading left out."""
    plain = readme.replace("library_name: sentence-transformers\n", "library_name: transformers\n", 1)
    plain = plain.replace("pipeline_tag: sentence-similarity\n", "pipeline_tag: feature-extraction\n", 1)
    plain = plain.replace("- sentence-transformers\n", "", 1)
    return re.sub(rf"^{ST_HEADING}\n.*?(?=^## )", "", plain, count=1, flags=re.MULTILINE | re.DOTALL)


# ---- what was typed --------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """Text of a person within a line of Markdown: one line, every mark but comma and hyphen made plain.

    >>> escaped("a|b <img src=x>")
    'a\\\\|b \\\\<img src\\\\=x\\\\>'
    """
    flat = one_line(text)
    flat = flat if len(flat) <= LONGEST_NAME else f"{flat[: LONGEST_NAME - 1]}…"
    return re.sub(r"([!-+./:-@\[-`{-~])", r"\\\1", flat) or "(no name)"


def fenced(text: str, language: str) -> str:
    """A block of code whose fence is longer than any in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.strip(chr(10))}\n{fence}"


# ---- the parts -------------------------------------------------------------------------------------------------------


def _front(known: Facts) -> str:
    import yaml

    goals = dict.fromkeys(stage.objective for stage in known.config.stages)
    libraries = ["embedlab"] if known.kind else ["sentence-transformers", "transformers", "embedlab"]
    value = {
        "library_name": libraries[0],
        "pipeline_tag": "feature-extraction" if known.kind else "sentence-similarity",
        "base_model": one_line(known.base)[:LONGEST_NAME],
        "license": "unknown",
        "tags": [*libraries, *goals]
        if known.kind
        else ["sentence-transformers", "transformers", "feature-extraction", "embedlab", *goals],
    }
    return f"---\n{yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)}---"


def _head(known: Facts) -> str:
    name, unit = escaped(known.corpus_name), ", of length 1" if known.unit else ""
    return (
        f"# {escaped(known.base)}, fine-tuned on {name}\n\n"
        f"An embedding model: {known.dim} numbers for a text{unit}. It is {escaped(known.base)} after step "
        f"{known.step} of run {known.run}, trained with EmbedLab. Of a text the first {known.longest} pieces are read."
    )


def _with_st(known: Facts) -> str:
    code = (
        "from sentence_transformers import SentenceTransformer\n\n"
        'model = SentenceTransformer("path/to/this/folder")\n'
        'vectors = model.encode(["A first text.", "A second one."])\n'
        "print(model.similarity(vectors, vectors))"
    )
    return f"{ST_HEADING}\n{fenced(code, 'python')}"


def _with_embedlab(known: Facts) -> str:
    code = "python -m embedlab embed --model path/to/this/folder --corpus ID --out vectors"
    return (
        f"## With EmbedLab\n{fenced(code, 'sh')}\n\nThis is a model of a kind that was there before transformers "
        f"({known.kind}): config.json, model.safetensors and tokenizer.json are in the form of transformers' folders, "
        f"but the kind itself is EmbedLab's own. {SCRATCH}"
    )


def _with_transformers(known: Facts) -> str:
    last = {
        "mean": ['mask = pieces["attention_mask"].unsqueeze(-1)', "vectors = (hidden * mask).sum(1) / mask.sum(1)"],
        "cls": ["vectors = hidden[:, 0]"],
        "last": ['last = pieces["attention_mask"].sum(1) - 1', "vectors = hidden[torch.arange(len(hidden)), last]"],
    }[known.config.encoder.pooling]
    unit = ["vectors = torch.nn.functional.normalize(vectors)"] if known.unit else []
    lines = [
        "import torch",
        "from transformers import AutoModel, AutoTokenizer",
        "",
        'folder = "path/to/this/folder"',
        'tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="right")',
        "model = AutoModel.from_pretrained(folder).eval()",
        'texts = ["A first text.", "A second one."]',
        f'pieces = tokenizer(texts, padding=True, truncation=True, max_length={known.longest}, return_tensors="pt")',
        "with torch.inference_mode():",
        "    hidden = model(**pieces).last_hidden_state",
        *last,
        *unit,
    ]
    return "## With transformers\n" + fenced("\n".join(lines), "python")


def _training(known: Facts) -> str:
    config = known.config
    goals = list(dict.fromkeys(stage.objective for stage in config.stages))
    lines = [f"- **{name}**: {objective(name).line}" for name in goals]
    moved = f"{known.trained:,} of {known.parameters:,} parameters were trained"
    if config.lora is not None:
        moved += f", low-rank adapters (rank {config.lora.rank}) among them, which are merged into these weights"
    chosen = f"Step {known.step} of {known.steps_done} taken was kept"
    chosen += ", by its score on rows set aside to choose it." if known.counts.get("selection") else "."
    recipe = fenced(recipes.write(config), "yaml")
    return "\n\n".join(
        [
            "## What was trained",
            "\n".join(lines),
            f"The start was {escaped(known.base)} (sha256 of its files `{known.base_sha256}`). {moved}. {chosen}",
            "The whole recipe, which `embedlab finetune --recipe` reads:",
            recipe,
        ]
    )


def _data(known: Facts) -> str:
    rows = [
        ("Name", escaped(known.corpus_name)),
        ("sha256 of the rows", f"`{known.config.corpus_id}`"),
        ("Rows", f"{known.rows:,}"),
        *[(title, f"{known.counts.get(name, 0):,}") for name, title in (
            ("train", "trained on"), ("selection", "set aside to choose the step"), ("held_out", "held out"))],
        ("Licence", "unknown: ask whoever gave the data"),
    ]  # fmt: skip
    if known.classes:
        shown = ", ".join(escaped(name) for name in known.classes[:MOST_CLASSES])
        more = len(known.classes) - MOST_CLASSES
        rows.append(("Labels", f"{len(known.classes):,}: {shown}" + (f" and {more:,} more" if more > 0 else "")))
    return "## The data\n" + _table(("", ""), rows)


def _scores_table(known: Facts) -> str:
    goal = known.config.stages[-1].objective
    if not known.scores:
        return "## Scores\nNone was taken at this step."
    rows = [
        (escaped(name), number(before), number(after), MISSING if None in (before, after) else _change(before, after))
        for name, (before, after) in known.scores.items()
    ]
    held = count(known.counts.get("held_out", 0), "row")
    return (
        f"## Scores before and after\n{_table(('', 'before', 'after', 'change'), rows)}\n\n"
        f"On {held} that were neither trained on nor used to choose the step, the same ones before and after. "
        f"The first line is {MEANINGS[goal]}. This is one run with one seed and stands here without an interval: "
        "EmbedLab's Compare gives one, and tells the change from what another seed alone would bring."
    )


def _change(before: float | None, after: float | None) -> str:
    assert before is not None
    assert after is not None
    return signed(after - before, places=3)


def _canary(known: Facts) -> str:
    if known.canary is None:
        return "## Texts far from the task\nNone were watched in this run: what training did to them is not known."
    start, now = known.canary
    rows = [
        ("mean cosine of unrelated texts", number(start.get("mean_cosine")), number(now.get("mean_cosine"))),
        ("effective rank", number(start.get("effective_rank")), number(now.get("effective_rank"))),
        ("nearest neighbours kept (mean Jaccard)", "1", number(now.get("neighbours_kept"))),
    ]
    said = " ".join(str(line) for line in now.get("alarms") or ()) or "No alarm was raised at this step."
    return (
        f"## Texts far from the task\n{_table(('', 'before', 'after'), rows)}\n\n"
        f"A canary of {count(int(now.get('texts') or 0), 'text')} that have nothing to do with the data. {said}"
    )


def _limits() -> str:
    return (
        "## Limits\n"
        "- The scores are those of the corpus above; on other texts the model may be better or worse than its start.\n"
        "- What the start model and the data hold of bias, error or private things, this model may hold too.\n"
        "- The licences of the start model and of the data bind whoever passes this model on."
    )


def _versions(known: Facts) -> str:
    return "## Made with\n" + ", ".join(f"{name} {number}" for name, number in known.versions.items())


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
