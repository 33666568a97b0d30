"""METHODS: how every reading is measured, for docs/method.md, the method page of the app and whoever reviews either.

What is said here is said of the code as it is; tests hold the numbers in it against the constants they speak of.
"""

from embedlab.comparing.method.entry import NOTATION, Method
from embedlab.comparing.method.groups import GROUPS
from embedlab.comparing.method.judging import JUDGING
from embedlab.comparing.method.pair import PAIR
from embedlab.comparing.method.ranges import BETTER, bounds
from embedlab.comparing.method.rules import RULES
from embedlab.comparing.method.senses import SENSES
from embedlab.comparing.method.space import SPACE
from embedlab.comparing.method.words import WORDS

ORDER = (*(f"A{number}" for number in range(1, 19)), "Groups", "Noise", "Task", "Verdict", "Canary", "Expectations")
_WRITTEN = {method.key: method for part in (SPACE, WORDS, PAIR, SENSES, (GROUPS,), JUDGING, RULES) for method in part}

METHODS: tuple[Method, ...] = tuple(_WRITTEN[key] for key in ORDER)
METHOD_OF: dict[str, Method] = {name: method for method in METHODS for name in method.readings}

__all__ = ["BETTER", "METHODS", "METHOD_OF", "NOTATION", "Method", "bounds"]
