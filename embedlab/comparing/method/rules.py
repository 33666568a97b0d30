"""The entries about what follows from the readings: the verdict, the canary, expectations."""

from embedlab.comparing.method.entry import Method

VERDICT = Method(
    key="Verdict",
    title="The verdict: what its words mean",
    readings=(),
    question=(
        "Did it help, and at what cost? The words follow from stated rules, and each rule is printed beside the "
        "verdict with the numbers it met. The task and the space are judged apart: a model can be better at its task "
        "and worse at everything else. A rule about the space asks for a size, for certainty (the whole 95 % interval "
        "beyond that size); the task and collateral, where other seeds were trained, also for more than they differ by."
    ),
    rows=(
        "Everything at the last compared layer. Task: see the entry Task. Space: one random piece of every text (A1); "
        "whole texts that were trained on, that were not, and off-domain texts, which belong to no task (those of the "
        "canary); at most 5,000 a region, drawn by the seed."
    ),
    formula=(
        "HELPED       the paired 95 % interval of the deciding score lies above 0, p ≤ .05 in a test by swapping,",
        "             and, where seeds are known, |change| > their noise;   HARMED: the mirror of it",
        "NO EVIDENCE  neither;   NOT MEASURED: fewer than 10 held-out items, or nothing to score",
        "COLLAPSE     (1 − c) / (1 − c₀) < 2/3, c₀ and c the mean cosine before and after of random pieces or of",
        "             off-domain texts; or effective rank < 1/2 of what it was",
        "FORGETTING   off-domain texts keep less than 1/2 of their 10 nearest off-domain texts",
        "COLLATERAL   off-domain texts drift further than the texts trained on, and keep less than 80 % of their "
        "neighbours",
    ),
    null=(
        "No change on the task: which of the two models gave which answer could be decided by a coin. For the space: "
        "texts that training never showed have no reason to move; what two seeds of the recipe do to them is noise."
    ),
    interval=(
        "Task: paired bootstrap, and a test that swaps the two models' answers item by item (signs flipped by query "
        "for pairs; all ways for 13 differing items or fewer). The test is asked too because a plain bootstrap of few "
        "changed answers is too narrow: four won and none lost would shut 0 out of it, and a fair coin does that one "
        "time in eight. Space: bootstrap over texts for drift and neighbours kept; the difference of two regions by "
        "combining their intervals; mean cosine and effective rank as in A1 and A7."
    ),
    limits=(
        "NO EVIDENCE does not mean that nothing happened: it means that so few items, or so few seeds, cannot tell.",
        "Without other seeds a verdict speaks of this one run: another seed might not have helped. The line says so.",
        "Newly right and newly wrong answers are counted and can be read one by one; their number is not the test.",
        "COLLAPSE asks for a rise, not for a level: a model that began with a mean cosine of .6 is not called "
        "collapsed for it. Less isotropic is not worse by itself; texts that have nothing in common becoming alike is.",
        "A drift that all texts share may be a turn of the whole space that changes no distance, hence the second half"
        " of COLLATERAL.",
        "A region of fewer than 10 texts decides nothing, and without off-domain texts FORGETTING and COLLATERAL are "
        "not asked; both are said.",
    ),
    checked=(
        "Each rule on made spaces at either side of its limit; exact tests against full enumeration; how often a "
        "verdict is said of nothing, and how large a change it finds, by simulation: docs/calibration.md."
    ),
    source=(
        "The rules are our own; their limits are in embedlab/verdict/rules.py",
        "McCloskey and Cohen 1989, Catastrophic Interference in Connectionist Networks, Psychology of Learning and "
        "Motivation (forgetting)",
        "Aghajanyan, Shrivastava, Gupta, Goyal, Zettlemoyer and Gupta 2021, Better Fine-Tuning by Reducing "
        "Representational Collapse, ICLR",
        "Dror, Baumer, Shlomov and Reichart 2018, The Hitchhiker's Guide to Testing Statistical Significance in "
        "Natural Language Processing, ACL",
    ),
)

CANARY = Method(
    key="Canary",
    title="The canary: alarms while training",
    readings=(),
    question=(
        "While a model trains, does the space around its task fall together? Loss and task score can both look well "
        "while it does. So everyday sentences that belong to no task are embedded before the first step and at every "
        "evaluation. An alarm is a sentence in the run's page and events; a run may be told to stop at one and keep "
        "its best step before it."
    ),
    rows=(
        "Whole texts at the last layer: the bundled canary or a corpus of your own, without texts of the training "
        "corpus; 10 to 200 of them, of more a seeded draw."
    ),
    formula=(
        "alike       (1 − c) / (1 − c₀) < 2/3,   c₀ and c the mean cosine (A1) at the start and now",
        "directions  r / r₀ < 1/2,   r₀ and r the effective rank (A7) at the start and now",
        "neighbours  mean |A ∩ B| / k < 1/2,   A and B the k nearest of a text at the start and now, k = 10",
    ),
    null=(
        "The model itself before the first step: ratios of 1. All three rules are ratios to the start, so they mean "
        "the same in a space that began with a mean cosine of .05 and in one that began with .6."
    ),
    interval=(
        "None: an alarm is a warning, not a verdict. The comparison that follows the run measures the same texts with "
        "intervals and holds them against other seeds."
    ),
    limits=(
        "The limits are chosen, not estimated.",
        "A canary sees what it holds. For a model that must keep a domain of its own, give a corpus of that domain.",
        "k is at most half of the other texts, so that a small canary can still lose a neighbour.",
        "The rule reads the overlap |A ∩ B| / k; the Jaccard of A14 is smaller for the same lists and is shown as "
        "well.",
    ),
    checked=("The numbers are those of A1, A7 and A14; the alarms on made spaces on either side of each limit."),
    source=(
        "The rules are our own; their limits are in embedlab/training/canary.py",
        "Jing, Vincent, LeCun and Tian 2022, Understanding Dimensional Collapse in Contrastive Self-supervised "
        "Learning, ICLR",
    ),
)

EXPECTATIONS = Method(
    key="Expectations",
    title="Expectations: statements that must hold",
    readings=(),
    question=(
        "Does the new model still do what we rely on? A small file holds statements, one a line; each is checked in "
        "the model before and after. compare --expect FILE ends with exit code 1 when one is not met after, so that it"
        " can stand in a pipeline."
    ),
    rows=(
        "The word means, neighbours, readings and verdict of the comparison, at its last layer unless a statement "
        "names another."
    ),
    formula=(
        "bank+river nearer shore than loan        cos(bank+river, shore) > cos(bank+river, loan);   bank+river: mean "
        "of the",
        "                                         uses of bank in texts that hold river;   bank:money: its uses in "
        "that sense",
        "bank keeps loan, credit                  each is among the k nearest words of bank (A14)",
        "bank never near keyboard, mouse          none is",
        "mean_cosine at most 0.4 at layer 3       a reading, or a task score; at least likewise",
        "wsd_centroid_macro_f1 of bank at least .8    the same reading of one word",
        "change of mrr at least -0.02             after minus before",
        "task not HARMED;   task HELPED           the verdict on the task",
        "space without COLLAPSE, FORGETTING       findings on the space",
    ),
    null="None: a statement holds or does not. Whether it held before is told beside it.",
    interval=(
        "None. A statement near its limit may tip with another seed: leave room between a limit and what you measured,"
        " or ask for the verdict, which has its interval and the noise floor."
    ),
    limits=(
        "What cannot be known is not met: an undefined number, a task that was not measured, a word without a vector.",
        "A word that never occurs is refused before any model is read, with near spellings; it is not silently passed.",
        "Statements written after looking at the result test nothing.",
    ),
    checked="Every form on made spaces where the answer is known, met and not met, and every refusal by its sentence.",
    source=(
        "Ribeiro, Wu, Guestrin and Singh 2020, Beyond Accuracy: Behavioral Testing of NLP Models with CheckList, ACL",
    ),
)

RULES = (VERDICT, CANARY, EXPECTATIONS)
