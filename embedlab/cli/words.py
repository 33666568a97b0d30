"""The words of the command line: all commands and their options."""

import argparse
from pathlib import Path
from typing import Any, get_args

from embedlab import takeaway
from embedlab.cli import actions, lessons, overview, report, search, senses, why
from embedlab.lineage.kinds import KINDS
from embedlab.training import tracking
from embedlab.training.objectives import OBJECTIVES
from embedlab.training.plans import PLANS
from embedlab.training.recipes import names
from embedlab.types import Schedule


class Parser(argparse.ArgumentParser):
    """argparse, saying what is wrong in one sentence."""

    def error(self, message: str) -> Any:
        self.exit(2, f"embedlab: {message}. See: {self.prog} --help\n")


def parser() -> Parser:
    """All commands and their options."""
    common = Parser(add_help=False)
    common.add_argument(
        "--workspace", type=Path, default=Path("workspace"), help="where everything is kept (default ./workspace)"
    )
    common.add_argument("--json", action="store_true", help="machine-readable standard output")
    common.add_argument("--job", help=argparse.SUPPRESS)  # how the pages run this same command in the background
    top = Parser(prog="embedlab", description="What does fine-tuning do to an embedding space?")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def command(group: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = group.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(run=run)
        return made

    def family(name: str, text: str) -> Any:
        return commands.add_parser(name, help=text).add_subparsers(required=True, metavar="ACTION", parser_class=Parser)

    demo = command(commands, "demo", actions.demo, "the whole job on the bundled corpus: train, compare, report")
    demo.add_argument("--out", type=Path, default=Path("out/demo"))
    demo.add_argument(
        "--ship", action="store_true", help="for developers: also renew the results that come with EmbedLab"
    )

    anatomy = command(
        commands, "anatomy", actions.anatomy, "one sentence: its pieces, their nearest, the same word twice"
    )
    anatomy.add_argument("--model", required=True, metavar="SPEC")
    anatomy.add_argument("--text", required=True, metavar="SENTENCE")
    anatomy.add_argument("--second", metavar="SENTENCE", help="another one with the same word")
    anatomy.add_argument("--word")
    lineage = command(
        commands, "lineage", actions.lineage, "the walk: bag of words to BERT on one corpus, each before and after"
    )
    lineage.add_argument("--corpus", required=True, metavar="ID")
    lineage.add_argument("--word", default="bank")
    lineage.add_argument("--first", default="he sat on the bank of the river", metavar="SENTENCE")
    lineage.add_argument("--second", default="he went to the bank to check his balance", metavar="SENTENCE")
    lineage.add_argument("--system", action="append", metavar="NAME", help="only this one (may be repeated)")
    lineage.add_argument("--seed", type=int, default=0)

    lessons.add_options(
        command(commands, "lessons", lessons.lessons, "teaching mode: a null, a broken and a good example")
    )

    corpus = family("corpus", "what was uploaded")
    add = command(
        corpus,
        "add",
        actions.corpus_add,
        "read a file (txt csv tsv jsonl parquet, gz or zip of these) into the workspace",
    )
    add.add_argument("file", type=Path)
    add.add_argument("--name")
    for column in actions.COLUMNS:
        add.add_argument(f"--{column}", metavar="COL")
    command(corpus, "list", actions.corpus_list, "all corpora")
    show = command(corpus, "show", actions.corpus_show, "one corpus: counts, refused rows, every use of a word")
    show.add_argument("id")
    show.add_argument("--word", help="every use of this word in its context")

    why.add_select(command(corpus, "select", why.corpus_select, "some rows of a corpus as a corpus of their own"))

    models = family("models", "what can be loaded")
    command(models, "list", actions.models_list, "the bundled model, untrained ones, and the finished runs")
    new = command(models, "new", actions.models_new, "an untrained model of the lineage with the words of a corpus")
    new.add_argument("kind", choices=list(KINDS))
    new.add_argument("--corpus", required=True, metavar="ID")
    new.add_argument("--vectors", type=Path, metavar="FILE", help="word vectors that its table starts from")
    new.add_argument("--set", action="append", metavar="NAME=NUMBER", help="a size or dropout (may be repeated)")
    new.add_argument("--seed", type=int, default=0)
    bring = command(models, "bring", actions.models_bring, "published weights of ELMo, ULMFiT or CoVe as a model")
    bring.add_argument("kind", choices=["elmo", "awd-lstm", "cove"])
    bring.add_argument("--weights", type=Path, required=True, metavar="FILE", help=".hdf5 (ELMo) or .pth")
    bring.add_argument("--options", type=Path, metavar="FILE", help="ELMo's options.json")
    bring.add_argument("--words", type=Path, metavar="FILE", help="ULMFiT's vocabulary, txt or json")
    bring.add_argument("--vectors", type=Path, metavar="FILE", help="the word vectors that CoVe reads")
    bring.add_argument("--corpus", metavar="ID", help="whose words CoVe is to know besides")
    describe = command(models, "show", actions.models_show, "one model: layers, width, parameters")
    describe.add_argument("spec")

    embed = command(commands, "embed", actions.embed, "vectors of every layer, as files")
    embed.add_argument("--model", required=True)
    embed.add_argument("--corpus", required=True)
    what = embed.add_mutually_exclusive_group()
    what.add_argument("--word", help="every use of this word")
    for flag in ("targets", "texts", "all-words"):
        what.add_argument(f"--{flag}", dest="what", action="store_const", const=flag)
    embed.add_argument("--out", type=Path, required=True)
    _encoding_options(embed)

    _training_commands(command, commands)

    compare = command(commands, "compare", actions.compare, "two model states on the same occurrences, every layer")
    compare.add_argument("--before", required=True, metavar="SPEC")
    compare.add_argument(
        "--after",
        required=True,
        action="append",
        metavar="SPEC",
        help="repeat it to compare several, one after another",
    )
    compare.add_argument("--corpus", help="without it, two files of vectors are compared on the items they share")
    compare.add_argument("--word", action="append", help="look at all uses of this word too (may be repeated)")
    compare.add_argument("--k", type=int, default=10, help="neighbours that count as near (default 10)")
    compare.add_argument("--min-count", type=int, default=2, help="words used less often are left out (default 2)")
    compare.add_argument("--seed", type=int, default=0)
    compare.add_argument(
        "--replicates", metavar="SPEC,SPEC", help="other seeds of the recipe of --after, or none (default: found)"
    )
    compare.add_argument("--expect", type=Path, metavar="FILE", help="statements to check; exit code 1 when one fails")
    compare.add_argument("--out", type=Path)
    _encoding_options(compare)

    measure = command(commands, "measure", actions.measure, "the metrics on vectors made elsewhere")
    measure.add_argument("--before", type=Path, required=True, metavar="A.npy")
    measure.add_argument("--after", type=Path, metavar="B.npy")
    measure.add_argument("--labels", type=Path, metavar="L.csv")
    measure.add_argument(
        "--texts", type=Path, metavar="FILE", help="texts that models given as --before and --after embed, one a row"
    )
    measure.add_argument("--layer", type=int, help="of a model, or of a folder of embed --out (default: the last)")
    measure.add_argument("--k", type=int, default=10)
    measure.add_argument("--seed", type=int, default=0)
    measure.add_argument(
        "--raw-norm",
        action="store_true",
        help="partition isotropy on vectors as they are, not divided by their mean norm",
    )

    overview.add_options(
        command(commands, "map", overview.draw, "all words, texts or rows of a comparison on one linked map")
    )
    search.add_options(
        command(commands, "search", search.search, "what lies nearest, before and after, with rank moves")
    )

    senses.add_options(command(commands, "senses", senses.senses, "the uses of one word and how its senses separate"))
    why.add_why(command(commands, "why", why.why, "what may have changed a word: training rows, frequency, steps"))
    why.add_groups(command(commands, "groups", why.groups, "words that moved together, with p by permutation"))

    report.add_report(command(commands, "report", report.report, "a comparison as a page, paper, notebook or tables"))
    report.add_figure(command(commands, "figure", report.figure, "one figure of a comparison as SVG or PNG"))
    report.add_diff(command(commands, "report-diff", report.report_diff, "what two comparisons differ by"))

    away = command(commands, "takeaway", actions.take_away, "a model in a form that other tools read")
    away.add_argument("source", metavar="SPEC")
    away.add_argument("--format", choices=get_args(takeaway.Format), required=True)
    away.add_argument("--out", type=Path, required=True)
    away.add_argument("--corpus", help="whose words (static vectors, projector; default: what the run was trained on)")
    away.add_argument("--layer", type=int, help="of the words' vectors (default: the last)")

    runs = family("runs", "trainings")
    command(runs, "list", actions.runs_list, "all runs")
    for name, run, text in (
        ("show", actions.runs_show, "one run, and the model states it kept on the way"),
        ("pause", actions.runs_pause, "save and stop a run after its current step; resume goes on"),
        ("cancel", actions.runs_cancel, "end a run after its current step, with the best it has"),
        ("resume", actions.runs_resume, "go on where a run stopped"),
        ("delete", actions.runs_delete, "take a run and all it keeps out of the workspace"),
    ):
        command(runs, name, run, text).add_argument("id")
    return top


def _training_commands(command: Any, commands: Any) -> None:
    """finetune and shootout. An option that is not given is left to the recipe, or to the objective's default."""
    tune = command(commands, "finetune", actions.finetune, "train a model on a corpus; resumable")
    tune.add_argument("--model", default="builtin")
    tune.add_argument("--corpus", required=True)
    tune.add_argument("--objective", choices=tuple(OBJECTIVES), help="needed unless the recipe names one")
    tune.add_argument("--recipe", metavar="NAME|FILE", help=f"a YAML file, or one of {', '.join(names())}")
    tune.add_argument("--plan", choices=tuple(PLANS), help="which weights learn when (default full)")
    tune.add_argument("--layers", type=int, metavar="N", help="how many of the top layers learn (plan top_layers)")
    tune.add_argument("--schedule", choices=get_args(Schedule), help="of the learning rate (default linear)")
    tune.add_argument("--steps", type=int)
    tune.add_argument("--rate", type=float, help="learning rate of the encoder")
    tune.add_argument("--seed", type=int)
    tune.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="train N seeds, one after another: the noise floor (try 3)"
    )
    tune.add_argument("--canary", metavar="CORPUS", help="off-domain texts to watch: a corpus, or none (bundled)")
    tune.add_argument("--on-alarm", choices=("tell", "stop"), help="when the canary alarms (default tell)")
    tune.add_argument("--precision", choices=("fp32", "bf16"))
    for name, text in (
        ("batch-tokens", "padded tokens of a batch"),
        ("batch-items", "examples of a batch"),
        ("accumulate", "batches a step"),
        ("chunk-tokens", "padded tokens through the model at a time: less memory, the same gradients"),
        ("longest", "pieces of a text that are read"),
        ("eval-every", "steps between two evaluations"),
        ("patience", "evaluations without a better score before the run ends"),
        ("frames", "model states kept along the way"),
    ):
        tune.add_argument(f"--{name}", type=int, metavar="N", help=text)
    for name, text in (
        ("temperature", "of the losses that compare"),
        ("weight-decay", "of matrices"),
        ("warmup", "share of the steps in which the rate rises"),
        ("max-grad-norm", "gradients are clipped to it"),
        ("isotropy", "weight of the batch's uniformity in the loss"),
        ("mask-share", "pieces that mlm hides"),
    ):
        tune.add_argument(f"--{name}", type=float, metavar="X", help=text)
    tune.add_argument("--lora-rank", type=int, metavar="R", help="rank of the adapters (plan lora)")
    tune.add_argument("--lora-alpha", type=float, metavar="A", help="their scale is A / R")
    tune.add_argument("--lora-targets", metavar="WHERE", help="attention, feed_forward, or both with a comma")
    tune.add_argument("--processes", type=int, default=1, metavar="N", help="share the work of a step (several GPUs)")
    tune.add_argument("--report-to", action="append", choices=get_args(tracking.Name), default=[])
    tune.add_argument("--estimate", action="store_true", help="only measure time, memory and disk on a few steps")
    shoot = command(commands, "shootout", actions.shootout, "recipes against each other: gain, and what it cost")
    shoot.add_argument("--model", default="builtin")
    shoot.add_argument("--corpus", required=True)
    shoot.add_argument("--recipe", action="append", required=True, metavar="NAME|FILE", help="one of them; repeat it")
    shoot.add_argument("--seeds", type=int, default=1, metavar="N")


def _encoding_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--layers", help="numbers with commas between (default: all)")
    command.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    command.add_argument("--no-cache", action="store_true", help="encode anew")
