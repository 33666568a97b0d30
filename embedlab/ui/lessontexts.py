"""What a class should see on each page, for the null, the broken and the good example of teaching mode."""

from embedlab.lab.lessons import LessonKind

# which choice of the page an example sets: the key of its widget
SHOWS = {
    "compare": "comparison",
    "senses": "comparison",
    "map": "comparison",
    "search": "comparison",
    "report": "comparison",
    "corpus": "corpus_shown",
    "finetune": "run",
    "runs": "run",
    "anatomy": "anatomy_after",
}

SEEN: dict[str, dict[LessonKind, str]] = {
    "corpus": {
        "null": "Sentences and nothing beside them: no label, no sense, no pair. A model can learn only from the "
            "text itself, and Compare will say NOT MEASURED for the task, since there is nothing to score.",
        "broken": "Every fifth row marks a word behind the end of its sentence. Rows in = rows kept + rows refused: "
            "the 40 refused rows are listed with their reason, and none vanished.",
        "good": "750 sentences, 13 words, 30 senses, 25 uses of each. A quarter of every sense is held out before "
            "anything is trained. Click a word and read its uses: could you tell the senses apart yourself?",
    },
    "models": {
        "null": "The untrained table (made here): vectors drawn at random for the words of the lesson. Whatever "
            "looks like meaning in it is chance; every claim should be held against it.",
        "broken": "The finished run of the lesson: as many layers, dimensions and weights as the model it began "
            "from. A card says nothing of a collapse: that is why Compare exists.",
        "good": "The bundled model: six layers, 384 dimensions, trained by others on very much text.",
    },
    "finetune": {
        "null": "Step 0 of any run is the model it began from: score and canary there are the null that all later "
            "points are held against.",
        "broken": "The rate is 5e-3, a hundred times that of the demo. The loss falls or stands still, while the "
            "canary raises its alarm at the first look: mean cosine near 1, hardly a neighbour kept.",
        "good": "A rate of 5e-5 and 60 steps: the score rises, and the canary's neighbours stay mostly as they were.",
    },
    "runs": {
        "null": "Runs of one recipe that differ in their seed alone: what they differ by is the noise floor of "
            "every comparison.",
        "broken": "The score kept lies below the score before, and the canary kept hardly a neighbour: paid dearly, "
            "and for nothing. The alarm came at the first look, step 4 of 12.",
        "good": "Several seeds of the demo end close together, above where they began: the gain is not one seed's "
            "luck.",
    },
    "compare": {
        "null": "A model against itself: every change is exactly 0, at every layer, and nothing stands above the "
            "noise. Were there anything else on this page, it could not be trusted.",
        "broken": "COLLAPSE under the space: mean cosine near 1 after, effective rank down to a handful. The task "
            "alone says NO EVIDENCE, because 48 held-out uses cannot tell; that is why the space is asked. Which "
            "layer broke first?",
        "good": "HELPED, but barely: the whole interval lies above zero, and its lower end is .001. Trained anew, "
            "the demo may find no evidence. No collapse. Most words changed no more than another seed would change "
            "them: they are grey. Which are not?",
    },
    "senses": {
        "null": "Both maps are the same, point for point, and separation before equals after. What you see on a map "
            "here is the projection, not the training.",
        "broken": "Before, the two senses of bank lie apart; after, they are one heap. The map may still spread the "
            "points: hover over one, and nearly every true cosine to it is 1.",
        "good": "Bank looks parted, but the interval of its silhouette still holds zero: on a dozen held-out uses "
            "that is not shown. Bass is: .13 to .31 [.07, .28]. Then open the placebo: how far do points move when "
            "nothing changed?",
    },
    "map": {
        "null": "Every word stays where it was when the slider runs from before to after.",
        "broken": "The islands of the left map are gone in the right one, or they are drawn where there are none: "
            "check the trust figure, then the true cosines.",
        "good": "Most words stay near their place. Colour by change: the words that moved beyond noise are few, and "
            "they are those the training was about.",
    },
    "search": {
        "null": "The two lists are the same, row by row and to the last digit.",
        "broken": "Type any sentence: after, all results have nearly the same cosine, so their order means nothing. "
            "The lines between the lists cross everywhere.",
        "good": "Type [bank] in a sentence about a river: after, the uses by the water stand higher than the money "
            "does. Lost and gained are marked with a sign as well as a colour.",
    },
    "anatomy": {
        "null": "The untrained table has one vector a word: bank is the same in both sentences, exactly, and its "
            "neighbours are chance.",
        "broken": "Follow the layers: before, the word differs between the two sentences more from layer to layer; "
            "after, every piece ends at the same vector.",
        "good": "At layer 0 the word is nearly the same in both sentences (only its position differs); at the last "
            "layer it is not. That difference is what contextual means.",
    },
    "lineage": {
        "null": "Every system stands beside its untrained twin: what the twin can do is not learnt.",
        "broken": "Self-similarity near 1 in a system that reads context means that context changes nothing in it.",
        "good": "Tables give bank one vector in both sentences, cosine 1; ELMo, ULMFiT and BERT do not. From which "
            "row on do the neighbours follow the sentence?",
    },
    "report": {
        "null": "The same page as a file: no change anywhere. A report of nothing is worth keeping beside one of "
            "something.",
        "broken": "Whoever opens it reads COLLAPSE first, with the rule that says so; no figure is needed.",
        "good": "Every figure says which command made it, so that anybody can make it again.",
    },
    "method": {
        "null": "Find “What chance gives” in an entry: that is the null of that number.",
        "broken": "Find the rule of COLLAPSE: it asks for a size and for certainty, both.",
        "good": "Find the entry of the score that decided HELPED, and read its limits.",
    },
}  # fmt: skip
