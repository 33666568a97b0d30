"""The entry about groups of words that changed together."""

from embedlab.comparing.method.entry import Method

GROUPS = Method(
    key="Groups",
    title="Groups that changed together, and their cohesion",
    readings=(),
    question=(
        "Which words moved the same way, and is that more than chance? Each word has a displacement, from where it was"
        " to where it is; words whose displacements point alike are a group. Cohesion says how alike: 1 means that all"
        " moved in one direction, 0 that their directions have nothing in common. The words that a group moved "
        "towards, and away from, are the others that lie nearest to that direction after, and to its opposite."
    ),
    rows=(
        "The mean vectors, at one layer, of the words of the corpus that changed by more than noise; of all words that"
        " moved where the floor is unknown. Fewer than 6 are not divided; of more than 2,000 those that changed most."
    ),
    formula=(
        "δᵢ = ŷᵢ − x̂ᵢ, both centred over all words of the comparison; from 5 rows a dimension on also turned (A15),",
        "     the rotation fitted on other words than it moves",
        "cohesion(g) = (‖Σᵢ δ̂ᵢ‖² − m) / (m (m − 1))     mean cosine of all pairs of the m words of g, exact;",
        "              range [−1/(m − 1), 1], higher: more together",
        "first √(n/2) groups, 2 to 16, by spherical k-means of δ̂ (3 starts); two that are as alike across as .75 of",
        "     the cohesion of the looser one become one; a word whose cosine with the others of its group is under",
        "     half of what the upper quarter of the group has is let go; 3 words or more are a group",
        "p = (groups of the null with (m − 1) · cohesion as high + 1) / (groups of the null + 1)",
        "q = p corrected over the groups of the layer (Benjamini-Hochberg)",
    ),
    null=(
        "Displacements that share nothing: every coordinate is dealt anew among the words, with random signs, and they"
        " are divided in the same way until there are 400 groups or more. Dividing finds groups in anything, so a "
        "group is held against groups that were found too, not against words drawn at random. (m − 1) · cohesion is "
        "compared because random directions keep it near 0 at any size."
    ),
    interval=(
        "No interval: which words are in a group was chosen by their directions, and an interval over them would "
        "forget that choice. A group is called where q ≤ .05. Where other seeds of the recipe were compared, the "
        "cohesion of the same words there stands beside it (mean over the seeds): those seeds had no part in finding "
        "the group."
    ),
    limits=(
        "What all words share is no group: a shift of the whole space is taken out first, and a turn of it where "
        "there are words enough to fix one.",
        "A word is in one group at most. Two directions in one word are seen as one, their sum.",
        "Far more words that moved alone hide a small group: what is grouped is what changed most.",
        "Moved together is not caused by the same rows; the rows behind a word are a question of their own.",
    ),
    checked=(
        "Cohesion against the mean over all pairs; planted groups are found whole and called, words that share nothing"
        " no more often than stated, over seeds; a planted rotation leaves no displacement."
    ),
    source=(
        "Dhillon and Modha 2001, Concept Decompositions for Large Sparse Text Data Using Clustering, Machine Learning "
        "(spherical k-means)",
        "Mardia, Kent and Bibby 1979, Multivariate Analysis (the number of groups to begin with)",
        "Benjamini and Hochberg 1995, Controlling the False Discovery Rate, JRSS B",
        "Cohesion is the self-similarity of Ethayarajh 2019, of displacements in place of uses",
    ),
)
