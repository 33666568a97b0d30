"""The entries about senses, the task and the map: A16, A17, Task."""

from embedlab.comparing.method.entry import Method

SENSES = (
    Method(
        key="A16",
        title="Are the senses of a word apart?",
        readings=(
            "wsd_centroid_accuracy",
            "wsd_centroid_macro_f1",
            "wsd_knn_accuracy",
            "wsd_knn_macro_f1",
            "silhouette_cosine_macro",
            "clustering_v",
            "clustering_ari",
        ),
        question=(
            "Can the senses of a word be told from its vectors alone? Three routes that do not agree by construction: "
            "the nearest sense centroid (and, for a second opinion, the vote of five neighbours) finds the sense of "
            "uses it has not seen; the silhouette asks how much nearer a use is to its own sense than to the next; "
            "clustering asks whether the senses would be found without being told."
        ),
        rows=(
            "The uses of the target words with a sense. Centroids and neighbours come from uses that are not held out "
            "and are tested on held-out uses; the silhouette is of held-out uses; only senses of the same word "
            "compete. Readings are unweighted means over words."
        ),
        formula=(
            "centroid    sense whose plain mean of raw training vectors has the highest cosine with the use",
            "k nearest   most frequent sense among the 5 training uses of highest cosine; a draw goes to the first by "
            "name",
            "macro-F1    mean over all senses of the word of 2 tp / (true + predicted), 0 for a sense never met",
            "silhouette  mean over senses of the mean over uses of (b − a) / max(a, b);   a, b: mean cosine distance "
            "to the own",
            "            and to the nearest other sense",
            "clustering  k-means on unit vectors, k = number of senses, on balanced draws (each sense as often as the "
            "rarest),",
            "            5 seeds, mean;   V: V measure, ARI: adjusted Rand index",
        ),
        null=(
            "Always naming the frequent sense scores high accuracy and low macro-F1: .952 and .488 on one word, .995 "
            "and .499 on another, which is why macro-F1 leads. A silhouette, V and ARI of 0 are what senses drawn by "
            "lot would give (V a little more). Layer 0 of a contextual model must be near nothing; a good layer 0 "
            "means that layers are off by one."
        ),
        interval=(
            "Of a word: accuracy by bootstrap over held-out uses, exact McNemar test; macro-F1 by bootstrap within "
            "each sense; silhouette and clustering by part-samples, 20 times half of every sense (at least 4 held-out "
            "uses of each, at most 100 in a half). Mean over words: the intervals of the words combined (MOVER), or "
            "over words where some have none; McNemar over all held-out uses for accuracy, Wilcoxon signed-rank over "
            "words for macro-F1; silhouette and clustering have no test."
        ),
        limits=(
            "The best layer depends on the model: choose it on other words than those you report, and compare before "
            "and after at the same one. Papers often sum the last four layers; here every layer is read by itself.",
            "Centroid and neighbours agree on average and differ on single words (.922 against .701, .847 against "
            ".931): do not build on one word with a dozen held-out uses.",
            "A silhouette weighted by uses is dominated by the frequent sense (.59 where clustering fails); hence the "
            "mean over senses.",
            "With natural class sizes a rare sense disappears in clustering: ARI −.03 for a word that reaches .71 on a"
            " balanced draw.",
            "If the model was trained on senses, a good score on held-out uses of the same words is what training was "
            "for; it says nothing about other words.",
        ),
        checked=(
            "scikit-learn (cosine_similarity, KNeighborsClassifier, f1_score, silhouette_samples), and an independent "
            "measurement of ten words of CoarseWSD-20 at every layer; k-means, V and ARI are scikit-learn's own."
        ),
        source=(
            "Loureiro, Rezaee, Pilehvar and Camacho-Collados 2021, Analysis and Evaluation of Language Models for Word"
            " Sense Disambiguation, Computational Linguistics",
            "Rousseeuw 1987, Silhouettes, Journal of Computational and Applied Mathematics",
            "Rosenberg and Hirschberg 2007, V-Measure, EMNLP-CoNLL",
            "Hubert and Arabie 1985, Comparing Partitions, Journal of Classification",
        ),
    ),
    Method(
        key="A17",
        title="How true a map is",
        readings=("trustworthiness", "continuity"),
        question=(
            "May the map be believed? Trustworthiness asks whether points that are neighbours on the map are "
            "neighbours in the space; continuity whether neighbours in the space are so on the map. A map is a "
            "picture. No reading, ranking or verdict is taken from one."
        ),
        rows=(
            "The uses of one word at one layer (at most 2,000, drawn by the seed), in the linked map of before and "
            "after."
        ),
        formula=(
            "T(k) = 1 − 2 / (n k (2n − 3k − 1)) · Σᵢ Σ over map neighbours j of i of max(0, r(i, j) − k)",
            "r(i, j): the rank of j by cosine from i in the space;   continuity: map and space change places",
            "k = 12, at most (n − 1)/2",
        ),
        null="A layout at random scores about .5; two principal components of usual text vectors score .90 to .93.",
        interval=(
            "Least and greatest trustworthiness over both sides and the layouts of 5 seeds, at the last layer. No "
            "test: nothing is claimed from a map."
        ),
        limits=(
            "Distances and areas on a UMAP map are no evidence: neither the size of a cluster nor the gap between two "
            "means anything.",
            "Two separate fits are not comparable. Before and after are laid out as one graph, in which the two copies"
            " of a point are tied the more firmly the more of their true neighbours they share.",
            "Points move even where nothing changed. The placebo beside each map says how far: the same space laid out"
            " against itself.",
        ),
        checked="scikit-learn (manifold.trustworthiness, in both directions) and zadu, to six digits.",
        source=(
            "Venna and Kaski 2001, Neighborhood Preservation in Nonlinear Projection Methods, ICANN",
            "McInnes, Healy and Melville 2018, UMAP, arXiv 1802.03426",
        ),
    ),
    Method(
        key="Task",
        title="The task, on held-out data",
        readings=("probe_macro_f1", "probe_accuracy", "mrr", "ndcg_10", "recall_1", "recall_10"),
        question=(
            "Does the model do its task better on data it never saw? The embeddings are frozen and a small judge is "
            "put on top, the same for before and after: for labels a linear probe, for senses the nearest sense "
            "centroid (A16), for related texts the rank of the partner. One score decides, the others stand beside it."
        ),
        rows=(
            "Held-out rows only, each distinct text (or use, or pair) once, at the last layer. Held-out rows are never"
            " trained on, and they do not choose the best step either: a separate tenth of the other rows does that"
            " (the latest step within one standard error of the best)."
        ),
        formula=(
            "One of these decides, the first that the corpus allows:",
            "senses  macro-F1 of the nearest sense centroid (A16), mean over the target words; its other scores beside"
            " it",
            "labels  macro-F1 over the labels met in the held-out texts, of a logistic regression on the frozen "
            "vectors;",
            "        features standardised on the training texts, C = 10 / width, fitted anew for each model; accuracy"
            " beside it",
            "pairs   rank r of a text's partner among the partners of all held-out rows, by cosine;   MRR = mean 1/r;",
            "        beside it nDCG@10 = mean of 1/log₂(1 + r) where r ≤ 10, else 0;   recall@k = share of r ≤ k, k = "
            "1 and 10",
        ),
        null=(
            "Probe: always naming the frequent label gives a macro-F1 of at most 1/(number of labels). Pairs: ranks at"
            " random among m texts give an MRR of (1 + 1/2 + … + 1/m)/m and a recall@k of k/m."
        ),
        interval=(
            "Paired bootstrap of the difference on the same items: macro-F1 within each label or sense, ranks by "
            "query. Test of the deciding score: the two models' answers swapped item by item, or the signs of the "
            "queries flipped (all ways for 13 or fewer that differ); of accuracy: exact McNemar. The probe is fitted "
            "once for each model: its own variance is not resampled. Noise: the spread of the score over the seeds."
        ),
        limits=(
            "A probe measures what can be read out linearly, not what the model uses.",
            "At least 10 held-out items are asked for; so few decide little.",
            "A tie counts against the partner; the text itself and its other partners are no rivals. A text with "
            "several partners counts once, by the mean over them.",
            "Scores depend on the number of candidates and labels: compare only within one corpus.",
            "The probe learns on at most 20,000 texts, of every label the same share, chosen by a hash of the text; a "
            "retrieval of very many pairs asks a part of them, chosen alike. The verdict says so.",
        ),
        checked=(
            "scikit-learn (LogisticRegression, StandardScaler, f1_score, accuracy_score); ranks, reciprocal ranks, "
            "nDCG and recall by hand and against a plain loop."
        ),
        source=(
            "Conneau and Kiela 2018, SentEval: An Evaluation Toolkit for Universal Sentence Representations, LREC",
            "Alain and Bengio 2017, Understanding Intermediate Layers Using Linear Classifier Probes, ICLR workshop",
            "Belinkov 2022, Probing Classifiers: Promises, Shortcomings, and Advances, Computational Linguistics",
            "Voorhees 1999, The TREC-8 Question Answering Track Report, TREC (MRR)",
            "Järvelin and Kekäläinen 2002, Cumulated Gain-Based Evaluation of IR Techniques, ACM TOIS (nDCG)",
        ),
    ),
)
