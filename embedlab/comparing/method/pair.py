"""The entries about two spaces over the same rows: A11 to A13."""

from embedlab.comparing.method.entry import Method
from embedlab.comparing.method.space import PIECES

PAIR = (
    Method(
        key="A11",
        title="Linear CKA",
        readings=("cka_debiased", "cka_linear"),
        question=(
            "Are the two spaces the same up to rotation, scale and shift? CKA compares which rows are alike in each; 1"
            " means the same. The debiased form leads, because the plain one is high for any two spaces with few rows."
        ),
        rows=PIECES,
        formula=(
            "CKA = ‖Ycᵀ Xc‖²_F / ( ‖Xcᵀ Xc‖_F ‖Ycᵀ Yc‖_F )",
            "debiased: each HSIC by its unbiased estimate (U-centred kernels, zero diagonal), above and below the line",
        ),
        null=(
            "Unrelated Gaussians at d = 384 give a plain CKA of .66, .50, .28, .16 and .07 with 200, 384, 1,000, 2,000"
            " and 5,000 rows; debiased between .007 and 0."
        ),
        interval=(
            "Part-samples of rows without replacement, the same rows in both models. The value of two other seeds of "
            "the recipe, where there are any, says how much lower than 1 is noise."
        ),
        limits=(
            "A few strong directions decide it: a fine-tuned model can show a CKA of .95 with all neighbours changed. "
            "Read it beside the neighbours kept (A14).",
            "Rows must be the same in the same order; a text that one model cut short moves all that follow if it is "
            "dropped on one side only. Here both sides drop it.",
            "The plain form is upward biased unless n is far above d; columns must be centred.",
        ),
        checked=(
            "resi, sim_metric and the notebook of Kornblith et al. (.55761 and, debiased, .51346 on its demo); the "
            "debiased form against two independent routes, U-centring and the trace formula. The uncentred variant is "
            "in the tests as a trap."
        ),
        source=(
            "Kornblith, Norouzi, Lee and Hinton 2019, Similarity of Neural Network Representations Revisited, ICML",
            "Székely and Rizzo 2014, Partial Distance Correlation with Methods for Dissimilarities, Annals of "
            "Statistics",
            "Song, Smola, Gretton, Borgwardt and Bedo 2007, Supervised Feature Selection via Dependence Estimation, "
            "ICML",
        ),
    ),
    Method(
        key="A12",
        title="Orthogonal Procrustes distance",
        readings=("procrustes_distance",),
        question=(
            "What is left between the two spaces after the best rotation? 0 means that a rotation, a shift and a "
            "change of scale explain everything; √2 is the largest value."
        ),
        rows=PIECES,
        formula=("distance = √(2 − 2 ‖Ẋᵀ Ẏ‖_*),   Ẋ = Xc / ‖Xc‖_F, ‖·‖_* the nuclear norm (sum of singular values)",),
        null=(
            "0 for the same space. For unrelated spaces it depends on n and d, and falls below √2 as soon as the "
            "rotation has room to fit noise: read it against other seeds, not against √2."
        ),
        interval="Part-samples of rows without replacement, the same rows in both models.",
        limits=(
            "Fitted and scored on the same rows; with few rows it is too small. A15 fits on other rows.",
            "Some papers square it. A reflection is allowed and gives 0. Unequal widths are padded with zeros.",
            "A value that should be 0 may come as 1e-8, being the root of a difference; identical spaces give exactly "
            "0.",
        ),
        checked=(
            "resi, sim_metric, netrep (angular form) and SciPy (spatial.procrustes, converted: it allows scaling)."
        ),
        source=(
            "Schönemann 1966, A Generalized Solution of the Orthogonal Procrustes Problem, Psychometrika",
            "Ding, Denain and Steinhardt 2021, Grounding Representation Similarity Through Statistical Testing, "
            "NeurIPS",
            "Williams, Kunz, Kornblith and Linderman 2021, Generalized Shape Metrics on Neural Representations, "
            "NeurIPS",
        ),
    ),
    Method(
        key="A13",
        title="Representational similarity (RSA)",
        readings=("rsa_spearman_cosine", "rsa_p"),
        question=(
            "Are the same pairs near and far in both spaces? The cosines of all pairs are ranked in each space and the"
            " ranks correlated: 1 means the same order."
        ),
        rows=(
            "One random piece of every distinct text, as for A1. Every pair is ranked: of more than 2,000 pieces that "
            "many are drawn by the seed, 200 for the Mantel test; the reading says so."
        ),
        formula=(
            "RSA = Spearman correlation over pairs i < j of cos(xᵢ, xⱼ) with cos(yᵢ, yⱼ)",
            "p   = (ge + 1) / (N + 1),   ge of N = 999 joint permutations of rows and columns that correlate as well "
            "(Mantel)",
        ),
        null=(
            "0 for unrelated spaces. The p tests against unrelated spaces: before and after are nearly always related,"
            " so a small p is expected and says little; how far below 1 the value lies says more."
        ),
        interval="Part-samples of rows without replacement; test: Mantel, one-sided.",
        limits=(
            "The p of an ordinary rank correlation is far too small, since pairs that share a row are not independent.",
            "Cosine inside, not Pearson over coordinates: that variant is not invariant to rotation and gives an exact"
            " rotation .94 in place of 1. Neither is invariant to a shift.",
        ),
        checked="SciPy (pdist, spearmanr) and a Mantel test written apart; resi's Pearson variant is known to differ.",
        source=(
            "Kriegeskorte, Mur and Bandettini 2008, Representational Similarity Analysis, Frontiers in Systems "
            "Neuroscience",
            "Mantel 1967, The Detection of Disease Clustering and a Generalized Regression Approach, Cancer Research",
        ),
    ),
)
