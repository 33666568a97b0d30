"""The entries about words and sentences: A2 to A4, A14, A15."""

from embedlab.comparing.method.entry import Method

MEANS = (
    "The mean vectors of the words of the corpus used twice or more (compare --min-count), over their uses; a use is "
    "the mean of its pieces. The same words are candidates in both models."
)

WORDS = (
    Method(
        key="A2",
        title="Self-similarity of a word",
        readings=("self_similarity", "self_similarity_adjusted"),
        question=(
            "How much does context change a word? Self-similarity is the mean cosine between different uses of the "
            "same word: 1 means that every use has the same vector, lower means more context. The adjusted value takes"
            " away what any two random pieces have in common, the mean cosine of A1 at the same layer."
        ),
        rows="The uses of every word used five times or more in both models; a use is the mean of its pieces.",
        formula=(
            "SelfSim(w) = (‖Σⱼ x̂ⱼ‖² − n) / (n (n − 1))     over the n uses of w, all ordered pairs, exact",
            "self-similarity = unweighted mean over words;   adjusted = self-similarity − mean cosine (A1)",
        ),
        null=(
            "The mean cosine of A1: uses that share nothing but the common direction give an adjusted value of 0. At "
            "layer 0 an embedding without positions gives 1; with position embeddings it is a little lower (.95 for "
            "BERT)."
        ),
        interval=(
            "Over words: paired bootstrap of the difference, sign flips by word. Of one target word: bootstrap over "
            "its sentences, swapping sentence by sentence. The adjusted value combines the intervals of its two parts "
            "(MOVER) and has no test of its own."
        ),
        limits=(
            "The mix of words decides the value: function words lie lowest. Compare the same words only, as is done "
            "here.",
            "Published code takes a sub-token for a word and draws at most 1,000 pairs; here a word is a word, and all"
            " pairs count.",
            "A mean over words, not over pairs: a frequent word counts as much as a rare one.",
        ),
        checked=(
            "The published analysis code of Ethayarajh, run on our vectors: equal to his rounding for every word and "
            "layer."
        ),
        source=("Ethayarajh 2019, How Contextual are Contextualized Word Representations?, EMNLP-IJCNLP",),
    ),
    Method(
        key="A3",
        title="Similarity within a sentence",
        readings=("intra_sentence_similarity", "intra_sentence_null"),
        question=(
            "Do the pieces of a sentence come to resemble each other? Each piece is compared with the mean of its "
            "sentence. Since that mean contains the piece itself, even pure noise resembles it, and short sentences "
            "the most: so the same figure for as many random pieces of other sentences stands beside it."
        ),
        rows="All pieces of every distinct text of two pieces or more that both models have seen.",
        formula=(
            "IntraSim(t) = meanᵢ cos(xᵢ, x̄),   x̄ the mean of the n pieces of text t;   reading = mean over texts",
            "by chance   = the same with n random pieces of n other texts, drawn by the seed and the text",
        ),
        null=(
            "The reading by chance, matched to the length of each text. Isotropic noise gives about 1/√n: .57, .44, "
            ".32, .22 and .16 for 3, 5, 10, 20 and 40 pieces; inside a cone of mean cosine .40 it gives .77, .72, .68,"
            " .66 and .65. The mean cosine of A1 is not the null of this reading."
        ),
        interval="Paired bootstrap over texts of the difference; test by sign flips, text by text.",
        limits=(
            "Compare models on the same sentences only: length decides most of it.",
            "A text with more pieces than there are other texts has no null and counts in the first value only.",
        ),
        checked=(
            "The published analysis code of Ethayarajh, to its three decimals; the null against a second route in "
            "NumPy."
        ),
        source=("Ethayarajh 2019, How Contextual are Contextualized Word Representations?, EMNLP-IJCNLP",),
    ),
    Method(
        key="A4",
        title="Maximum explainable variance",
        readings=("mev_uncentred", "mev_centred", "mev_baseline"),
        question=(
            "How well could one fixed vector stand for all uses of a word? The share of the uses' squared length that "
            "lies along their best single direction. The centred value asks the same of what differs between the uses."
            " Few uses give high values by themselves, so the value of as many random pieces stands beside it."
        ),
        rows=(
            "The uses of every target word used five times or more (of more than 100, that many drawn by the seed), "
            "mean over the words; the baseline is drawn from the random pieces of A1."
        ),
        formula=(
            "MEV, uncentred = s₁² / Σ sᵢ²,   s the singular values of the uses as they are",
            "MEV, centred   = the same of the uses with their mean taken away (first principal component)",
            "baseline       = mean of MEV, uncentred, over 20 seeded draws of as many random pieces as the word has "
            "uses",
        ),
        null=(
            "The baseline, matched to the number of uses. Isotropic noise at d = 384 gives .231, .128, .071, .036, "
            ".022 and .007 for 5, 10, 20, 50, 100 and 1,000 uses."
        ),
        interval=(
            "Of a word: part-samples of its uses, since the spectrum of a word is no mean. Over words: the intervals "
            "of the words combined (MOVER), or over words where some have too few uses; sign flips by word. Baseline: "
            "Student's t over its draws, which share pieces and so count as at most all pieces / uses independent "
            "ones."
        ),
        limits=(
            "Three different numbers are published under this name. The paper's formula is uncentred; its code centres"
            " the words but not the baseline; its table of results fits neither. On one model the three give .82 to "
            ".95, .18 to .34 and .0007 to .30 for the same words. The often quoted “less than 5 % can be explained by "
            "a static embedding” depends on that choice.",
            "A baseline of 1,000 pieces is not comparable with a word of ten uses.",
        ),
        checked="NumPy (svd) and scikit-learn (PCA) on the reference occurrences; never the published table.",
        source=("Ethayarajh 2019, How Contextual are Contextualized Word Representations?, EMNLP-IJCNLP",),
    ),
    Method(
        key="A14",
        title="Neighbours kept, and second-order similarity",
        readings=("knn_jaccard", "second_order_cosine"),
        question=(
            "Is a word still among the same words? The k nearest words before and after are two sets; the reading is "
            "how much of their union they share, 1 when nothing changed. The change of a word, by which words are "
            "ranked, is 1 minus that. The second-order figure asks more gently whether the word is as similar to those"
            " neighbours as it was. Neither needs the two spaces to be aligned."
        ),
        rows=(
            "The readings: the mean vectors of the words of the corpus used twice or more (compare --min-count), over "
            "their uses; a use is the mean of its pieces. The same words are candidates in both models. The change of "
            "a single use of a target word is taken among the uses of that word, with k at most half of the others."
        ),
        formula=(
            "Jaccard(w) = |A ∩ B| / |A ∪ B|,   A and B the k words nearest to w before and after, by cosine",
            "change(w)  = 1 − Jaccard(w);   neighbours kept = mean of Jaccard(w) over words",
            "second order(w) = cos(u, v),   u and v the cosines of w to the words of A ∪ B, before and after",
        ),
        null=(
            "Unrelated spaces share about k/(2n) of the union by chance: .0076 at n = 700, k = 10. But chance is not "
            "the question: another seed of the same recipe may keep no more than half of the neighbours. That is what "
            "the noise floor is for."
        ),
        interval=(
            "Of the mean: paired bootstrap over words, the candidates staying as they are. Of one word: no interval; "
            "its change is held against its own noise floor, with a p corrected over the words of the layer (entry "
            "Noise)."
        ),
        limits=(
            "Overlap |A ∩ B| / k is another number: an overlap of .5 is a Jaccard of .33.",
            "The word itself is left out by its row, not by being first in the list: with duplicates the first in the "
            "list may be a twin, and an exact rotation then seems to keep only 97 %.",
            "The candidates, k and the least number of uses must be the same in both models; they are.",
            "Hubs (A9) are in everybody's list and make lists look alike.",
            "The second-order figure is near 1 wherever a space has a common direction; built on distances in place of"
            " similarities it gives .80 for unrelated spaces in place of .08.",
            "The value shifts with the number of candidates (.524 with all rows, .551 with half of them in one "
            "measured case): compare with the same vocabulary only.",
        ),
        checked=(
            "resi (Jaccard) and plain sets on SciPy distances; FAISS against float64 NumPy for the lists themselves; a"
            " second-order measure written apart after Hamilton et al. The variants with distances and with column 0 "
            "dropped are in the tests as traps."
        ),
        source=(
            "Hamilton, Leskovec and Jurafsky 2016, Cultural Shift or Linguistic Drift?, EMNLP (local neighbourhood "
            "measure)",
            "Gonen, Jawahar, Seddah and Goldberg 2020, Simple, Interpretable and Stable Method for Detecting Words "
            "with Usage Change across Corpora, ACL",
        ),
    ),
    Method(
        key="A15",
        title="Drift",
        readings=("drift_cosine", "drift_cosine_aligned"),
        question=(
            "How far did a word's vector turn? Before and after fine-tuning the coordinates are the same, so the two "
            "vectors can be compared directly: that comes first. The aligned drift asks how far it turned beyond what "
            "a rotation of the whole space explains, with the rotation fitted on other words."
        ),
        rows=MEANS,
        formula=(
            "drift(w)   = 1 − cos(x, y),   x and y the vector of w before and after;   reading = mean over words",
            "aligned(w) = 1 − cos((x − x̄) R, y − ȳ),   R = argmin over orthogonal R of ‖Xc R − Yc‖_F",
            "R, x̄ and ȳ are fitted on four fifths of the words and used on the other fifth, five times over",
        ),
        null=(
            "0 where nothing changed; unrelated spaces give 1 on words not used in the fit. Fitted and scored on the "
            "same words, unrelated spaces of d = 384 would look .87, .75, .50, .37 and .23 similar with 200, 384, "
            "1,000, 2,000 and 5,000 words: that is why the fit is never on the word that is scored."
        ),
        interval=(
            "Of the mean: paired bootstrap over words. Of one target word of five uses or more, the p that its uses "
            "moved together: 1 − cosine of the mean before and the mean after, against before and after exchanged use "
            "by use (all ways for 13 uses or fewer, else 999 drawn), corrected over the target words of the layer "
            "(Benjamini-Hochberg)."
        ),
        limits=(
            "Unaligned drift has no meaning between models of different coordinates or widths; it is then undefined "
            "and says so. The aligned one pads the narrower with zeros.",
            "Both sides are centred before the alignment. Published code exists with and without; values differ.",
            "With fewer words than five times the dimensions a rotation fits noise: the aligned drift is then "
            "undefined and says so.",
        ),
        checked=(
            "SciPy (orthogonal_procrustes, cosine) and resi; on a reference case the rows that were truly moved are "
            "exactly the top of the list."
        ),
        source=(
            "Hamilton, Leskovec and Jurafsky 2016, Diachronic Word Embeddings Reveal Statistical Laws of Semantic "
            "Change, ACL",
            "Schönemann 1966, A Generalized Solution of the Orthogonal Procrustes Problem, Psychometrika",
        ),
    ),
)
