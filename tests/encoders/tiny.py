"""Tiny random models of every kind, with tokenizers trained on the spot, saved as the folders people bring."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LINES = (
    "The heron stood by the bank of the slow river, waiting for small fish.",
    "She paid the cheque into her bank before the branch closed at noon.",
    "A mouse ran over the kitchen floor; the cat did not even look up.",
    "Plug the mouse into the second port, then wait for the light.",
    "Strong currents carried the raft past the lighthouse and out to sea.",
    "An electric current of two amperes flows through the copper wire.",
    "Müde Füße, naïve cafés, Ærøskøbing: words with marks above the letters.",
    "It's 12:45, isn't it? (Nobody knew.) -- well-known facts, e.g. this one...",
)
VOCABULARY = 400
SPECIAL = {
    "bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "roberta": ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
    "gpt2": ("<|endoftext|>",),
}


def word_pieces() -> Tokenizer:
    """As BERT: lower-cased, accents off, ## for the rest of a word."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = list(SPECIAL["bert"])
    tokenizer.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special))
    _frame(tokenizer, "[CLS]", "[SEP]")
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def bytes_trimmed() -> Tokenizer:
    """As RoBERTa: bytes; the offsets leave the leading space out."""
    tokenizer = _byte_level(list(SPECIAL["roberta"]))
    pair = [(name, tokenizer.token_to_id(name)) for name in ("</s>", "<s>")]
    tokenizer.post_processor = processors.RobertaProcessing(*pair, trim_offsets=True, add_prefix_space=False)
    return tokenizer


def bytes_untrimmed() -> Tokenizer:
    """As GPT-2: bytes, no special pieces; a piece's offsets begin at the space before it."""
    tokenizer = _byte_level(list(SPECIAL["gpt2"]))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def bytes_framed() -> Tokenizer:
    """As ModernBERT: bytes, offsets with the space, [CLS] and [SEP] around."""
    tokenizer = _byte_level(list(SPECIAL["bert"]))
    _frame(tokenizer, "[CLS]", "[SEP]")
    return tokenizer


def sentence_pieces() -> Tokenizer:
    """As XLM-RoBERTa: a unigram model over words that begin with a mark for the space."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = list(SPECIAL["roberta"])
    trainer = trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(LINES, trainer)
    _frame(tokenizer, "<s>", "</s>")
    return tokenizer


def _byte_level(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(LINES, trainer)
    return tokenizer


def _frame(tokenizer: Tokenizer, first: str, last: str) -> None:
    ids = [(name, tokenizer.token_to_id(name)) for name in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{first} $A {last}", special_tokens=ids)


BERT_NAMES = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL["bert"], strict=True))
ROBERTA_NAMES = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
ROBERTA_NAMES |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
GPT2_NAMES = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
SHARED = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
PADDED = {**SHARED, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "max_position_embeddings": 42}
SHORT = {**SHARED, "max_position_embeddings": 40}
ENDS = {"bos_token_id": 0, "eos_token_id": 0}

# kind -> (tokenizer, names of special tokens, settings); every model reads 40 pieces at once
KINDS: dict[str, tuple[Callable[[], Tokenizer], dict[str, str], dict[str, Any]]] = {
    "bert": (word_pieces, BERT_NAMES, SHORT),
    "roberta": (bytes_trimmed, ROBERTA_NAMES, PADDED),
    "xlm-roberta": (sentence_pieces, ROBERTA_NAMES, PADDED),
    "distilbert": (
        word_pieces, BERT_NAMES,
        {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 40},
    ),
    "mpnet": (word_pieces, BERT_NAMES, PADDED),
    "camembert": (sentence_pieces, ROBERTA_NAMES, PADDED),
    "ernie": (word_pieces, BERT_NAMES, SHORT),
    "electra": (word_pieces, BERT_NAMES, {**SHORT, "embedding_size": 16}),
    "albert": (word_pieces, BERT_NAMES, {**SHORT, "embedding_size": 16}),
    "modernbert": (
        bytes_framed, BERT_NAMES,
        {**SHORT, "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3,
         "local_attention": 16, "global_attn_every_n_layers": 2},
    ),
    "gpt2": (bytes_untrimmed, GPT2_NAMES, {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 40, **ENDS}),
    "gpt_neox": (bytes_untrimmed, GPT2_NAMES, {**SHORT, **ENDS}),
}  # fmt: skip


def make(kind: str, folder: Path, seed: int = 0, scale: float = 3.0) -> Path:
    """A model of a kind with random weights, `scale` times as large as a fresh one, so that context matters."""
    build, names, settings = KINDS[kind]
    backend = build()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **names)
    config = transformers.AutoConfig.for_model(kind, vocab_size=backend.get_vocab_size(), **settings)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    model = transformers.AutoModel.from_config(config)
    torch.random.set_rng_state(state)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter *= scale
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
