"""The entries about the shape of one space: A1, A5 to A10."""

from embedlab.comparing.method.entry import Method

NOT_WORSE = (
    "Less isotropic is not worse by itself. Training that made models less isotropic on purpose raised their scores on"
    " most of the tasks tried (Rudman and Eickhoff 2024), and clustering of texts was not found to suffer from "
    "anisotropy (Ait-Saada and Nadif 2023). A change here says that the shape changed, not that it changed for the "
    "worse."
)
PIECES = (
    "One random piece of every distinct text, drawn once by the seed from the pieces of the before model; the same "
    "characters in both models and at every layer."
)

SPACE = (
    Method(
        key="A1",
        title="Anisotropy: the mean cosine of random pieces",
        readings=("mean_cosine", "mean_cosine_centred", "top_dimension_share"),
        question=(
            "Do pieces of unrelated sentences point the same way? The mean cosine is the average over all pairs of "
            "pieces taken from different texts. At 0 there is no common direction; near 1 all vectors share one, and "
            "every cosine looks high whatever the texts say. Two figures explain it: the same after the mean vector is"
            " taken away, which is what remains beside the common direction, and the share of the mean direction that "
            "lies in a single coordinate, which shows whether one rogue dimension makes the whole figure."
        ),
        rows=PIECES,
        formula=(
            "mean cosine          = (‖Σᵢ x̂ᵢ‖² − n) / (n (n − 1))     all ordered pairs i ≠ j, exact, in O(n d)",
            "mean cosine, centred = the same of the rows xᵢ − x̄",
            "top dimension        = maxⱼ mⱼ² / Σⱼ mⱼ²,   m = Σᵢ x̂ᵢ / n",
        ),
        null=(
            "Directions spread evenly give a mean cosine of 0 with a standard deviation of √(2 / (n (n − 1) d)): .0001"
            " for 1,000 pieces of 384 dimensions. The centred figure is about −1/(n − 1) where a common direction was "
            "all there was. A mean direction that favours no coordinate has a top share of about .026 at d = 384."
        ),
        interval=(
            "Mean cosine: paired bootstrap over texts of the difference, every draw over all pairs of different texts "
            "(a text drawn twice is not compared with itself); test by swapping before and after text by text. The "
            "other two are not means: part-samples of texts, and swapping."
        ),
        limits=(
            NOT_WORSE,
            "It sees a common direction and nothing else. A cone of mean cosine .33 has an IsoScore of .969, and a "
            "cloud of mean cosine 0 can have nearly all its variance in one direction (IsoScore .022): read A1 and A5 "
            "together, they answer different questions.",
            "Published values rest on 1,000 random pairs of an unseeded draw: their standard deviation is .003 to .007"
            " a layer, so a difference below .02 between two such draws is noise. Here all pairs count, and both "
            "models are read at the same characters.",
            "Sentences are drawn first and a piece of each second; drawing pieces outright would let long sentences "
            "decide. Including i = j, or dividing by n² instead of n (n − 1), biases the value by about 1/n.",
            "The top dimension depends on the coordinates: a rotation changes it and nothing else on this page.",
        ),
        checked=(
            "scikit-learn (cosine_similarity), SciPy (pdist) and the published analysis code of Ethayarajh; the n² "
            "variant of the I-STAR code is in the tests as a trap."
        ),
        source=(
            "Ethayarajh 2019, How Contextual are Contextualized Word Representations?, EMNLP-IJCNLP",
            "Timkey and van Schijndel 2021, All Bark and No Bite: Rogue Dimensions in Transformer Language Models, "
            "EMNLP",
            "Ait-Saada and Nadif 2023, Is Anisotropy Truly Harmful? A Case Study on Text Clustering, ACL",
            "Rudman and Eickhoff 2024, Stable Anisotropic Regularization, ICLR",
        ),
    ),
    Method(
        key="A5",
        title="Evenness of the spectrum: IsoScore, participation ratio, IsoScore*",
        readings=("isoscore", "isoscore_star", "participation_ratio", "isotropic_isoscore"),
        question=(
            "How evenly does the variance fill the dimensions? The participation ratio counts how many directions "
            "carry the variance; IsoScore is the same count on a scale from 0 (one direction) to 1 (all alike). They "
            "are one number and stand in one row. Beside them stands n/(n + d), which is what perfectly even vectors "
            "would score with so few rows, and IsoScore*, which shrinks the covariance so that few rows do less harm."
        ),
        rows=PIECES,
        formula=(
            "PR        = (Σ λ)² / Σ λ²",
            "IsoScore  = (PR − 1) / (d − 1)",
            "IsoScore* = IsoScore of (1 − ζ) C + ζ C₀,   C the covariance, C₀ = (Σ λ / d) · identity, ζ = .2;   ζ = 0:"
            " IsoScore",
            "if isotropic: n / (n + d)",
        ),
        null=(
            "n / (n + d), shown beside the reading: a perfectly isotropic sample at d = 384 scores .111, .337, .563, "
            ".721, .837, .928 and .981 with 50, 200, 500, 1,000, 2,000, 5,000 and 20,000 rows. In the limit of many "
            "rows, k of d equal directions give (k − 1)/(d − 1)."
        ),
        interval=(
            "Part-samples of rows without replacement, the same rows in both models. A row bootstrap is wrong for any "
            "spectrum: rows drawn twice concentrate the variance, and on an isotropic sample of IsoScore .9696 its 95 "
            "% interval is [.931, .945], which leaves out the estimate itself. Test: before and after swapped row by "
            "row, everything computed again."
        ),
        limits=(
            NOT_WORSE,
            "Blind to the mean vector: a cone of mean cosine .33 has an IsoScore of .969. Always read A1 beside it.",
            "Grows with n: compare at equal n and on the same rows, as before and after are here, never with a "
            "published value from another sample.",
            "IsoScore = (PR − 1)/(d − 1) is a theorem, not an approximation: agreement between IsoScore and the "
            "participation ratio is no second piece of evidence.",
            "IsoScore* as published takes C₀ = identity, which depends on the scale of the vectors (norms of 1 and of "
            "12 give different values); scaled to the mean variance, as here, it does not.",
            "Orientation: one published implementation wants features in rows, the other points in rows, and each "
            "gives a wrong number without complaint (.743 for .217) when fed the other way round.",
        ),
        checked=(
            "The authors' NumPy file, the IsoScore package 2.0.1 (float32 inside, hence to 3e-8), the I-STAR code for "
            "IsoScore*, scikit-dimension (lPCA, participation_ratio) and the closed form; the transposed call is in "
            "the tests as a trap."
        ),
        source=(
            "Rudman, Gillman, Rayne and Eickhoff 2022, IsoScore: Measuring the Uniformity of Embedding Space "
            "Utilization, Findings of ACL",
            "Rudman and Eickhoff 2024, Stable Anisotropic Regularization, ICLR (IsoScore*)",
        ),
    ),
    Method(
        key="A6",
        title="Partition-function isotropy",
        readings=("partition_isotropy_log10",),
        question=(
            "Is there a direction towards which far more of the vectors lean than towards another? The partition "
            "function adds up exp(c·x) over the vectors for a direction c; its smallest value over its largest is 1 "
            "for an isotropic cloud. It is shown as a logarithm to base 10, last in the list: A1 and A5 say more."
        ),
        rows=PIECES,
        formula=(
            "I = log₁₀ ( min_c Z(c) / max_c Z(c) ),   Z(c) = Σᵢ exp(c · xᵢ / r),   r = mean of ‖xᵢ‖",
            "c runs over plus and minus the eigenvectors of XᵀX (uncentred)",
        ),
        null="0 for a perfectly isotropic cloud; a sample of one lies a little below, the more so the fewer its rows.",
        interval=("Part-samples of rows without replacement, the same rows in both models. No test."),
        limits=(
            "Undefined as first written: eigenvectors have no sign and Z(c) ≠ Z(−c). Both signs are taken here; a "
            "library that takes the sign its solver returns can differ a hundredfold.",
            "Depends on the scale of the vectors: they are divided by their mean norm, so that models with norms of 1 "
            "and of 30 can be compared. measure --raw-norm leaves them as they are, which is what the paper does.",
            "Undefined where two non-zero eigenvalues are equal: shown as undefined, with the reason.",
            "A published implementation multiplies elementwise where a dot product is meant; values near .997 that "
            "cite it are of another function.",
        ),
        checked=(
            "NumPy (eigh) and SciPy (logsumexp), written apart from the code; no independent package was found. The "
            "one-sign variant is in the tests as a trap."
        ),
        source=(
            "Mu and Viswanath 2018, All-but-the-Top: Simple and Effective Postprocessing for Word Representations, "
            "ICLR",
            "Arora, Li, Liang, Ma and Risteski 2016, A Latent Variable Model Approach to PMI-based Word Embeddings, "
            "TACL",
        ),
    ),
    Method(
        key="A7",
        title="Effective rank",
        readings=("effective_rank",),
        question=(
            "How many directions are in use? The entropy of the singular values, read as a number of directions. It "
            "forgives weak directions more than the participation ratio does, because singular values are not squared,"
            " and it is the figure that falls first when a space collapses."
        ),
        rows=PIECES,
        formula=(
            "effective rank = exp(− Σᵢ pᵢ ln pᵢ),   pᵢ = sᵢ / Σ s,   s the singular values of Xc (not squared)",
            "values below 10⁻¹² s₁ are dropped; at most min(n − 1, d)",
        ),
        null="min(n − 1, d) for a perfectly even spectrum; random vectors come near it only where n is far above d.",
        interval="Part-samples of rows without replacement, the same rows in both models; test by swapping rows.",
        limits=(
            "Several numbers go by this name. Eigenvalues in the place of singular values give another one (3.8 where "
            "this gives 23.1), and so does RankMe, which does not centre: with a large mean vector it falls to about 1"
            " (1.05 where this gives 31.9).",
            "Bounded by the number of rows: compare at equal n.",
            "Fewer directions are not worse by themselves: a model tuned to tell ten topics apart needs few. A fall "
            "below half of what it was is told as a fact, and as an alarm in the canary, because texts that have "
            "nothing to do with the task should not lose directions.",
        ),
        checked=(
            "NumPy (svd) with SciPy (entropy); the eigenvalue and the uncentred variants are in the tests as traps."
        ),
        source=(
            "Roy and Vetterli 2007, The Effective Rank: A Measure of Effective Dimensionality, EUSIPCO",
            "Garrido, Balestriero, Najman and LeCun 2023, RankMe, ICML (the uncentred relative)",
        ),
    ),
    Method(
        key="A8",
        title="Intrinsic dimension (TwoNN)",
        readings=("two_nn", "two_nn_mle", "duplicates_removed"),
        question=(
            "On how many coordinates does the cloud really live, if it may be curved? TwoNN reads it from how much "
            "farther the second neighbour is than the first: in many dimensions hardly at all. Exact duplicates are "
            "taken out first, and how many were is shown."
        ),
        rows=PIECES,
        formula=(
            "μᵢ = r₂(i) / r₁(i), Euclidean distances to the two nearest others, on the vectors as they are",
            "two_nn     = slope through the origin of −ln(1 − i/N) on ln μ₍ᵢ₎, the largest 10 % of μ dropped",
            "two_nn_mle = (N − 1) / Σ ln μᵢ",
        ),
        null="The true dimension for evenly spread points, but low by a third at a true dimension of 32 (it gives 23).",
        interval=(
            "Part-samples of rows without replacement. A row bootstrap makes duplicates, whose nearest neighbour is at"
            " distance 0: it turns 23.5 into .10. Test by swapping rows."
        ),
        limits=(
            "Biased low above about ten dimensions: use it to compare at equal n, never as a count of anything.",
            "Duplicates wreck it. On half-duplicated data a common library gives .11 in place of about 22, since its "
            "fast distances are 1e-8 in place of 0; dropping the rows at distance 0 instead gives 37.9, because the "
            "survivors still see twins among their neighbours.",
            "Raw and unit vectors give different values; here they are raw.",
        ),
        checked=(
            "scikit-dimension (TwoNN, linear and maximum likelihood) and SciPy distances written apart from the code."
        ),
        source=(
            "Facco, d'Errico, Rodriguez and Laio 2017, Estimating the Intrinsic Dimension of Datasets by a Minimal "
            "Neighborhood Information, Scientific Reports",
        ),
    ),
    Method(
        key="A9",
        title="Hubness",
        readings=("hubness_skew", "antihub_share", "max_k_occurrence"),
        question=(
            "Are a few rows everybody's neighbour? Count for each row how often it is among the k nearest of another. "
            "The skewness of the counts is the hubness; the share of rows that are in nobody's list and the largest "
            "count say what it looks like. Hubs spoil search: they are found whatever is asked."
        ),
        rows=PIECES,
        formula=(
            "N_k(i) = number of rows j ≠ i that have i among their k nearest by cosine;   Σᵢ N_k(i) = n k",
            "hubness = mean((N − N̄)³) / mean((N − N̄)²)^1.5,   antihubs = share of N_k(i) = 0,   largest = max N_k(i)",
        ),
        null=(
            "Lists drawn at random give N_k nearly Poisson: a skewness of about 1/√k (.32 at k = 10) and hardly any "
            "antihubs. Real vectors lie above, more in more dimensions; the same isotropic cloud gives .2 by cosine "
            "and 2.3 by Euclidean distance."
        ),
        interval="Part-samples of rows without replacement, the same rows in both models; test by swapping rows.",
        limits=(
            "The metric decides: values by cosine and by Euclidean distance are not comparable. A cone raises it (2.6 "
            "by cosine).",
            "Among duplicates the ties decide who is in a list; ties go by row number here.",
            "Depends on n and k: compare at equal n.",
        ),
        checked=(
            "SciPy (skew) on a stable sort, and scikit-hubness called with k + 1, since it counts a point as its own "
            "first neighbour."
        ),
        source=(
            "Radovanović, Nanopoulos and Ivanović 2010, Hubs in Space: Popular Nearest Neighbors in High-Dimensional "
            "Data, JMLR",
        ),
    ),
    Method(
        key="A10",
        title="Alignment and uniformity",
        readings=("uniformity", "alignment"),
        question=(
            "Uniformity: how evenly do the directions fill the sphere, seen from the nearest pairs? Alignment: how "
            "near are two texts that mean the same? Contrastive training pulls both down; a model may buy the one with"
            " the other, so they are shown together. Alignment needs true positive pairs and stays empty without them."
        ),
        rows=(
            "Uniformity: one random piece of every distinct text, as for A1. Alignment: held-out texts with their "
            "related texts where the corpus has such; else held-out uses of one sense of a word in different "
            "sentences, mean over senses and words."
        ),
        formula=(
            "uniformity = ln mean over i < j of exp(−2 ‖x̂ᵢ − x̂ⱼ‖²)",
            "alignment  = mean over positive pairs of ‖x̂ − ŷ‖² = 2 − 2 · mean cos(x, y)",
        ),
        null=(
            "A perfectly uniform sphere gives −4 + ln ₀F₁(; d/2; 4): −3.752 at d = 32, −3.979 at d = 384. A single "
            "point gives 0. Unrelated texts in a space of mean cosine c have an alignment of 2 − 2c."
        ),
        interval=(
            "Uniformity: part-samples of rows without replacement; swapping. Alignment: paired bootstrap over pairs, "
            "or over the sentences of each sense with the intervals combined; sign flips by pair or sentence."
        ),
        limits=(
            "Not comparable across dimensions.",
            "Including i = j adds 1/n inside the logarithm; forgetting to normalise gives another number altogether.",
            "Uniformity looks at every pair; above 20,000 rows it is taken on a seeded sample of so many, and says so.",
            "Lower alignment alone is no gain: a collapsed space has an alignment of 0.",
        ),
        checked="The authors' torch code (align_uniform), the closed form, and NumPy written apart from the code.",
        source=(
            "Wang and Isola 2020, Understanding Contrastive Representation Learning through Alignment and Uniformity "
            "on the Hypersphere, ICML",
        ),
    ),
)
