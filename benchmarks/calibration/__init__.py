"""How often a change is called where there is none, and how often a planted one is found: make calibration.

Null 1, two seeds: before and after are two seeds of one recipe, two further seeds are the replicates.
Null 2, two halves: the same model on two halves of the corpus, word by word and sense by sense, without replicates.
Planted: into a comparison of null 1 a change of stated size is put on the after side; the curve is the share found.

Everything goes through `compare` and `judged`, as for a person. Writes docs/calibration.md and docs/calibration.svg.
"""
