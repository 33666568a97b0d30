"""Bytes to a Corpus: txt, csv, tsv, jsonl, json, parquet, gz or zip of these. A row is kept, or refused with a reason.

limits, unpack, encoding -> tables (delimited, objects, parquet) -> columns, rows -> reading -> stored;
split: held-out and selection rows.
"""

from embedlab.corpus.columns import Columns
from embedlab.corpus.reading import Imported, Preview, Refusal, preview, read
from embedlab.corpus.split import held_out, selection
from embedlab.corpus.stored import load, load_refusals, save, save_refusals

__all__ = [
    "Columns", "Imported", "Preview", "Refusal", "held_out", "load", "load_refusals", "preview", "read", "save",
    "save_refusals", "selection",
]  # fmt: skip
