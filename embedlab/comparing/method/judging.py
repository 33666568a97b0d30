"""The entries about how sure a number is, and when a change counts: A18 and the noise floor."""

from embedlab.comparing.method.entry import Method

UNCERTAINTY = Method(
    key="A18",
    title="Intervals and tests",
    readings=(),
    question=(
        "How far could a number move if other sentences had been read? Every difference between before and after comes"
        " with a 95 % interval, and where there is a sound test for it, with a p. What is resampled is the unit that "
        "was drawn: a sentence for a mean, rows without replacement for a spectrum or for neighbours. Intervals cover "
        "the choice of sentences and words; not the choice of seed, corpus or recipe. That is what the noise floor is "
        "for."
    ),
    rows="The units of each reading: see the interval of its entry.",
    formula=(
        "paired bootstrap  units drawn with replacement, the same in both models, 200 to 1,000 times; 2.5 % and 97.5 %"
        " points",
        "                  of after − before about the value, times √(n / (n − 1)) · t(.975, n − 1) / z(.975) for few "
        "units;",
        "                  0 stays inside where the sign flips do not reject",
        "part-samples      20 draws of m of n rows without replacement, the same rows in both models;",
        "                  interval = value ± 1.1 · t(.975, 19) · sd · √(m / (n − m)),",
        "                  m = 3n/4 for spectra, CKA, Procrustes and hubness, n/2 for the others",
        "combination       mean of words, difference of two readings: distances to the ends add as squares (MOVER)",
        "permutation       p = (1 + number of N permutations at least as extreme) / (1 + N), never 0",
        "sign flip         the sign of each unit's difference flipped: all 2ⁿ ways for n ≤ 13 that differ, else drawn",
        "swapping          before and after of each sentence exchanged by a coin, all computed again: 99 times, on at",
        "                  most 500 pieces, at the last layer; the mean cosine by sign flips of what each sentence "
        "adds to",
        "                  its change, which is the same thing, at every layer",
        "McNemar           of the answers that only one model has right: a fair coin, exact, two-sided",
        "many words        Benjamini-Hochberg: of the words called changed at most 5 % are so by noise, on average",
    ),
    null="No change: before and after of a unit could change places without anybody noticing.",
    interval=(
        "Mean cosine, self-similarity, within a sentence, alignment: bootstrap by sentence or word; sign flips or "
        "swapping. IsoScore, participation ratio, effective rank, TwoNN, hubness, uniformity: part-samples of rows; "
        "swapping. Partition function, CKA, Procrustes: part-samples. RSA: part-samples; Mantel. Maximum explainable "
        "variance: part-samples of uses; sign flips by word. Sense accuracy: bootstrap by use; McNemar. Macro-F1: "
        "bootstrap within each sense; Wilcoxon over words, and for the verdict swapping of answers. Silhouette and "
        "clustering: part-samples of every sense. Neighbours and drift: bootstrap over words; a target word: its uses "
        "swapped, corrected over words. Maps: least and greatest over seeds."
    ),
    limits=(
        "A row bootstrap is wrong for spectra and neighbours: a row drawn twice is its own twin. The interval of an "
        "IsoScore leaves out its own estimate, TwoNN falls from 23.5 to .10, and Jaccard shifts with n.",
        "The factor √(m / (n − m)) is that of samples without replacement; the √(m / n) of samples with replacement "
        "would hold the truth 83 times of 100. The 1.1 is for tails heavier than Student's where few directions are "
        "strong.",
        "Part-samples are of at most 2,000 rows (1,000 where every pair counts, 500 for RSA).",
        "Significance is not size. With 10,000 pieces everything is significant; the useful question is whether a "
        "change is larger than what another seed would give.",
        "Below 20 rows there is no interval from part-samples; what has no interval says why.",
        "Intervals are made for 95 % coverage of one reading. A page shows many: one in twenty misses by chance.",
        "How often a change is said of nothing, and how large one must be to be found, was measured: "
        "docs/calibration.md.",
    ),
    checked=(
        "SciPy (permutation_test, bootstrap, wilcoxon, binomtest), full enumeration of sign flips, and Holm's "
        "procedure worked by hand."
    ),
    source=(
        "Efron 1979, Bootstrap Methods: Another Look at the Jackknife, Annals of Statistics",
        "Hesterberg 2015, What Teachers Should Know about the Bootstrap, The American Statistician (few units)",
        "Politis and Romano 1994, Large Sample Confidence Regions Based on Subsamples under Minimal Assumptions, "
        "Annals of Statistics",
        "Zou and Donner 2008, Construction of Confidence Limits about Effect Measures, Statistics in Medicine",
        "Phipson and Smyth 2010, Permutation P-values Should Never Be Zero, Statistical Applications in Genetics and "
        "Molecular Biology",
        "McNemar 1947, Note on the Sampling Error of the Difference between Correlated Proportions, Psychometrika",
        "Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference, JASA",
        "Wilcoxon 1945, Individual Comparisons by Ranking Methods, Biometrics Bulletin",
        "Benjamini and Hochberg 1995, Controlling the False Discovery Rate, Journal of the Royal Statistical Society B",
    ),
)

NOISE = Method(
    key="Noise",
    title="The noise floor: when a change counts",
    readings=(),
    question=(
        "Is this more than training the same recipe with another seed would change? Fine-tuning twice with different "
        "seeds gives two spaces that differ, often in half of all neighbours. So a change counts only when it is "
        "larger than what two seeds of the recipe differ by, in the same reading and for the same word. Below that it "
        "is grey, and the text says so. Without other seeds the floor of a word is a control within one model, and "
        "what stays unknown is said plainly."
    ),
    rows=(
        "The compared model and its replicates: finished runs whose recipe differs in the seed alone, S models in all;"
        " every pair of them is read as if one were before and the other after."
    ),
    formula=(
        "A reading with before and after",
        "  noise = t(.975, S − 1) · √2 · sd of the S after-values (ddof 1)",
        "  changed: the 95 % interval leaves out 0 and |after − before| > noise",
        "A reading of the pair: still is its value when nothing changed, 1 or 0",
        "  d_p = |still − value of pair p of seeds|, P = S (S − 1) / 2 pairs",
        "  limit = mean(d) + t(.975, S − 1) · sd(d) · √((S + 1)/(S − 1));   S = 2: limit = 2 d",
        "  noise = still ∓ limit, cut to the range of the reading",
        "  changed: the nearer end of the 95 % interval lies beyond noise",
        "A word w of observed change c, at one layer",
        "  x = its change between two seeds, all pairs; without replicates between two halves",
        "      of its uses in one model, once in the model before and once in the one after",
        "  e = μ + λ (m − μ),   m: mean of its x,   μ: mean of its bin, words used about as often,",
        "      at least 100 a bin,   λ = between / (between + within / draws) of the bin",
        "  miss = x − e, with nothing borrowed from the draw that is tested",
        "  noise(w) = e + 95th percentile of the misses of its bin, cut to [0, 1]",
        "  z = (c − e) / √(e (1 − e) + (1.5 · 2/(k + 1))²);   misses scaled likewise, of all bins",
        "  p(w) = (1 + number of scaled misses ≥ z) / (1 + their number);",
        "      above their 95th percentile an exponential tail with their mean excess",
        "  q = Benjamini-Hochberg over the words of the layer;   changed: c > noise and q ≤ .05",
    ),
    null=(
        "Before and after are two seeds of the same recipe. In simulation the rule for readings calls .036 of such "
        "nulls changed with three seeds, and never more than .05 with others."
    ),
    interval=(
        "The floor is itself an estimate from few seeds; the t quantile pays for that, which makes it wide: with two "
        "seeds only large changes pass. Three seeds are the default of the demo; five are better."
    ),
    limits=(
        "Without replicates a word can be held only against the control: two halves of its uses, read by the same "
        "model. That covers the choice of sentences, not the seed; readings then have no floor, and what another seed "
        "would do is said to be unknown.",
        "Seeds of one recipe say nothing about another recipe, corpus or model.",
        "A word's floor leans on words used about as often; a word unlike all of them may be misjudged.",
        "A grey word is not an unchanged word: it is one whose change this many seeds cannot tell from noise.",
        "False alarms, and the changes that are found, were measured: docs/calibration.md.",
    ),
    checked=(
        "Student's formulas by hand and with SciPy; the items against a plain loop and on simulated nulls and planted "
        "changes."
    ),
    source=(
        "Reimers and Gurevych 2017, Reporting Score Distributions Makes a Difference, EMNLP",
        "Antoniak and Mimno 2018, Evaluating the Stability of Embedding-based Word Similarities, TACL",
        "Mosbach, Andriushchenko and Klakow 2021, On the Stability of Fine-tuning BERT, ICLR",
        "Smyth 2004, Linear Models and Empirical Bayes Methods for Assessing Differential Expression, Statistical "
        "Applications in Genetics and Molecular Biology (items that lend each other strength)",
        "Knijnenburg, Wessels, Reinders and Shmulevich 2009, Fewer Permutations, More Accurate P-values, "
        "Bioinformatics (the tail)",
    ),
)

JUDGING = (UNCERTAINTY, NOISE)
