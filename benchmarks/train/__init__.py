"""Training side by side: EmbedLab, sentence-transformers' Trainer and transformers' Trainer, in one run.

    python -m benchmarks.train [--tasks labels mlm pairs] [--steps 40] [--rounds 3] [--threads 2] [--part sides ladder]

The same start model, rows, batches (the same 32 rows in every step), objective, optimiser, learning rate and precision.
Every system runs in a process of its own, the systems take turns, and the medians over the rounds are compared. A round
is a seed: another order of the rows, other dropout, other hidden pieces. Tokens are real ones, padding not counted; the
first steps, which warm up, are not timed, and neither is loading. Peak memory is the most that the process ever held
(ru_maxrss); beside it what it held before the first step.

    labels  a classifier on the mean vector: cross-entropy, 10 topics
    mlm     15 % of the pieces hidden; sentence-transformers has no trainer for it and points to transformers'
    pairs   in-batch negatives in both directions, cosines / 0.05

Sameness: the mean loss over the last quarter of the steps, ours less the peer's, seed by seed. It is the same where the
95 % t-interval of the difference holds 0. The curves are in the JSON.

The ladder says what gives how much, one thing after the other, in a plain torch loop: padding as the rows come, fused
AdamW, logits at hidden pieces alone, rows grouped by length; the last two rungs are EmbedLab on the rows as they come
and on its own batches. bf16 is measured where the processor computes in it; elsewhere it is emulated and says nothing.
"""
