"""One sentence through a model, with every step kept: table rows, positions, attention, the vectors of each layer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from embedlab.encoders.anatomy import FROM_CHARACTERS, MOST, ROTARY, WITHOUT, nearest_entries, require_length
from embedlab.encoders.inside import Inside, Piece
from embedlab.encoders.loading import open_model, staged
from embedlab.encoders.transformer import TransformerEncoder
from embedlab.errors import ModelError
from embedlab.lineage.kinds import Kind, kind_of

POSITIONS = ("position_embeddings", "wpe")  # what the kinds of models call their table of positions
HIDDEN = "\ufdd0\ufddf\ufdef"  # what `alignment` puts around names that nobody may type
KEPT = 2  # opened models that stay in memory: before and after, asked again with the next sentence


@dataclass(frozen=True)
class _Opened:
    """A model whose attention is written out. `names` and `table` of its vocabulary; None where it reads characters.

    One reader at a time: what the table of positions gives is taken while the model reads.
    """

    model: nn.Module
    kind: Kind | None
    names: Sequence[str]
    table: Float32[np.ndarray, "entry width"] | None
    reading: Lock = field(default_factory=Lock)


_opened: dict[str, _Opened] = {}
_opening = Lock()


def unfold(encoder: TransformerEncoder, text: str) -> Inside:
    """See `anatomy.inside`. The model is opened beside the encoder's own, since its attention must be written out."""
    reader = encoder._reader
    (read,) = reader.read([text])
    around = len(reader.prefix) + len(reader.suffix)
    require_length(text, len(read) + around if len(read) else 0, min(MOST, encoder.longest), encoder.label)
    ids = np.array([*reader.prefix, *read.ids, *reader.suffix], dtype=np.int64)
    spans = [(0, 0)] * len(reader.prefix) + list(zip(read.starts.tolist(), read.ends.tolist(), strict=True))
    spans += [(len(text), len(text))] * len(reader.suffix)
    opened = _open(encoder)
    with opened.reading, _positions(opened.model) as added, torch.inference_mode():
        given = torch.from_numpy(ids)[None].to(encoder.device)
        out = opened.model(input_ids=given, output_hidden_states=True, output_attentions=opened.kind is None)
    states = tuple(_array(state[0]) for state in out.hidden_states)
    if not all(np.isfinite(state).all() for state in states):
        raise ModelError(f"{encoder.label} gives vectors that are not finite numbers: its weights are damaged.")
    attention, positions = _without(opened.kind, bool(added))
    named = [opened.names[id] for id in ids] if opened.names else [text[start:end] for start, end in spans]
    table = opened.table
    return Inside(
        source=encoder.spec.source,
        text=text,
        pieces=tuple(Piece(name, int(id), *span) for name, id, span in zip(named, ids, spans, strict=True)),
        layers=encoder.layers,
        states=states,
        rows=None if table is None else table[ids],
        # some tables are filled up with rows that no piece has
        near=() if table is None else nearest_entries(table[: len(opened.names)], ids, opened.names),
        positions=_array(added[0].reshape(len(ids), -1)) if added else None,
        attention=() if opened.kind is not None else tuple(_array(block[0]) for block in out.attentions),
        without_table=FROM_CHARACTERS if table is None else "",
        without_positions=positions,
        without_attention=attention,
    )


def _open(encoder: TransformerEncoder) -> _Opened:
    """The model behind an encoder, opened anew or kept from the last sentences."""
    key = f"{encoder.fingerprint} {encoder.device}"
    with _opening:
        found = _opened.pop(key, None)
        if found is None:
            kind = kind_of(encoder._files.config)
            model: Any = open_model(encoder._files, encoder.label, encoder.device)
            if kind is None:
                model.set_attn_implementation("eager")
            if kind is not None and kind.name == "elmo":
                found = _Opened(model, kind, (), None)
            else:
                found = _Opened(model, kind, _names(encoder), _array(model.get_input_embeddings().weight))
        _opened[key] = found  # the newest last
        for old in list(_opened)[:-KEPT]:
            del _opened[old]
    return found


def _without(kind: Kind | None, has_positions: bool) -> tuple[str, str]:
    """Why there is no attention, why no position is added; empty where there is."""
    if kind is not None:
        return WITHOUT[kind.name]
    return "", "" if has_positions else ROTARY


@contextmanager
def _positions(model: nn.Module) -> Iterator[list[Tensor]]:
    """What the table of positions gives while the model reads: the very rows it adds, whatever it counts from."""
    taken: list[Tensor] = []
    tables = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and name.rpartition(".")[2] in POSITIONS
    ]
    handles = [table.register_forward_hook(lambda _module, _given, out: taken.append(out)) for table in tables]
    try:
        yield taken
    finally:
        for handle in handles:
            handle.remove()


def _names(encoder: TransformerEncoder) -> list[str]:
    """Every entry of the vocabulary as a person would read it; a space within a piece is written ▁."""
    from tokenizers import decoders
    from transformers import AutoTokenizer

    with staged(encoder._files, encoder.label) as folder:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    backend = tokenizer.backend_tokenizer
    named = {id: name for name, id in backend.get_vocab(with_added_tokens=True).items()}
    names = [named.get(id, f"[{id}]") for id in range(max(named) + 1)]
    if isinstance(backend.decoder, decoders.ByteLevel):
        names = [_from_bytes(backend, name) for name in names]
    return [name.replace(HIDDEN, "") for name in names]


def _from_bytes(backend: Any, name: str) -> str:
    """The characters that a byte-level piece stands for: its name in the vocabulary spells bytes, not letters."""
    return str(backend.decoder.decode([name])).replace(" ", "▁")


def _array(tensor: Tensor) -> Float32[np.ndarray, "..."]:
    return tensor.detach().float().cpu().numpy().copy()
