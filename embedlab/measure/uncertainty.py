"""How sure, under one name: A18, from intervals, answers, resampling, significance and multiple.

Units are what is resampled: sentences for means, rows without replacement for spectra and neighbours (a row bootstrap
makes duplicates, which wrecks those). p is never 0. Significance is not size: show the spread of seeds beside it.
"""

from embedlab.measure.answers import McNemar, bootstrap_macro_f1, macro_f1_swap_p, mcnemar, wilson
from embedlab.measure.intervals import Interval, bootstrap_mean_cosine, paired_bootstrap
from embedlab.measure.multiple import benjamini_hochberg, holm
from embedlab.measure.resampling import HalfSamples, half_sample_interval, half_samples, sample_rows
from embedlab.measure.significance import (
    label_permutation_p,
    permutation_p,
    permute_occurrences_p,
    sign_flip_p,
    swap_p,
    wilcoxon_p,
)

__all__ = [
    "HalfSamples",
    "Interval",
    "McNemar",
    "benjamini_hochberg",
    "bootstrap_macro_f1",
    "bootstrap_mean_cosine",
    "half_sample_interval",
    "half_samples",
    "holm",
    "label_permutation_p",
    "macro_f1_swap_p",
    "mcnemar",
    "paired_bootstrap",
    "permutation_p",
    "permute_occurrences_p",
    "sample_rows",
    "sign_flip_p",
    "swap_p",
    "wilcoxon_p",
    "wilson",
]
