"""Expectations: statements a person wrote down, checked before and after, so that a comparison can stand in a pipeline.

A text file in UTF-8, one statement a line; what follows a `#` at the beginning of a line or after a space is a comment,
blank lines are skipped, capitals do not matter in keywords and words. The forms:

    bank+river nearer shore than loan           cosine of the first to the second is above that to the third
    bank keeps loan, credit                     each is among the k nearest words of bank
    bank never near keyboard, mouse             none is among the k nearest words of bank
    mean_cosine at most 0.4                     a reading of READINGS or a score of the task; `at least` likewise
    wsd_centroid_macro_f1 of bank at least .8   the same reading of one word of the Senses page
    change of mrr at least -0.02                after minus before, of readings that have both
    task not HARMED     task HELPED             the verdict on the task
    space without COLLAPSE, FORGETTING          findings on the space

Any of the first six may end with `at layer 3` (as the comparison numbers its layers, from 0); else the last counts.
An item of `nearer` is `bank` (the mean of all its uses), `bank+river` (its uses in texts that also hold the word river)
or `bank:money` (its uses in that sense); "quotes" hold together what has spaces or signs. k is the comparison's.

A statement is met when it holds after; before is told beside it, and is None where the statement is about both models.
What cannot be known is not met: an undefined number, an unmeasured task, a word that a model has no vector for.
"""

from embedlab.expectations.checking import check
from embedlab.expectations.grammar import Statement, parse, read, words_wanted
from embedlab.expectations.lookup import require_words

__all__ = ["Statement", "check", "parse", "read", "require_words", "words_wanted"]
