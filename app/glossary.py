"""The terms of the field: each in a plain sentence, as a formula, and where it comes from.

The sentences stand on hover wherever a term is shown (app.words.HELP); all of it stands in the glossary
(app.widgets.glossary). Strategies and CL methods say themselves what they do (acl.plugins.description): here are
their formulas and papers alone. Letters are those of acl.selection.fisher and acl.metrics.
"""

from __future__ import annotations

from dataclasses import dataclass

from acl.plugins.description import Kind


@dataclass(frozen=True)
class Paper:
    """Who wrote what, where and when; and where it can be read, for whoever clicks."""

    who: str
    title: str
    where: str
    link: str


ACCUACL = Paper(
    "Park, Park and Lee", "Active Learning for Continual Learning: Keeping the Past Alive in the Present", "ICLR 2025",
    "https://openreview.net/forum?id=mnLmmtW7HO",
)  # fmt: skip
BADGE = Paper(
    "Ash et al.", "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds", "ICLR 2020",
    "https://arxiv.org/abs/1906.03671",
)  # fmt: skip
BAIT = Paper(
    "Ash et al.", "Gone Fishing: Neural Active Learning with Fisher Embeddings", "NeurIPS 2021",
    "https://arxiv.org/abs/2106.09675",
)  # fmt: skip
CORE_SET = Paper(
    "Sener and Savarese", "Active Learning for Convolutional Neural Networks: A Core-Set Approach", "ICLR 2018",
    "https://arxiv.org/abs/1708.00489",
)  # fmt: skip
SURVEY = Paper(
    "Settles", "Active Learning Literature Survey", "University of Wisconsin–Madison, 2009",
    "https://minds.wisconsin.edu/handle/1793/60660",
)  # fmt: skip
ER = Paper(
    "Chaudhry et al.", "On Tiny Episodic Memories in Continual Learning", "2019", "https://arxiv.org/abs/1902.10486"
)
GSS = Paper(
    "Aljundi et al.", "Gradient Based Sample Selection for Online Continual Learning", "NeurIPS 2019",
    "https://arxiv.org/abs/1903.08671",
)  # fmt: skip
DERPP = Paper(
    "Buzzega et al.", "Dark Experience for General Continual Learning: a Strong, Simple Baseline", "NeurIPS 2020",
    "https://arxiv.org/abs/2004.07211",
)  # fmt: skip
ER_ACE = Paper(
    "Caccia et al.", "New Insights on Reducing Abrupt Representation Change in Online Continual Learning", "ICLR 2022",
    "https://arxiv.org/abs/2104.05025",
)  # fmt: skip
DATAMODELS = Paper(
    "Ilyas et al.", "Datamodels: Predicting Predictions from Training Data", "ICML 2022",
    "https://arxiv.org/abs/2202.00622",
)  # fmt: skip
FORGETTING = Paper(
    "Chaudhry et al.", "Riemannian Walk for Incremental Learning: Understanding Forgetting and Intransigence",
    "ECCV 2018", "https://arxiv.org/abs/1801.10112",
)  # fmt: skip
TRANSFER = Paper(
    "Lopez-Paz and Ranzato", "Gradient Episodic Memory for Continual Learning", "NeurIPS 2017",
    "https://arxiv.org/abs/1706.08840",
)  # fmt: skip
LEARNING_ACCURACY = Paper(
    "Riemer et al.", "Learning to Learn without Forgetting by Maximizing Transfer and Minimizing Interference",
    "ICLR 2019", "https://arxiv.org/abs/1810.11910",
)  # fmt: skip
SCENARIOS = Paper(
    "van de Ven and Tolias", "Three scenarios for continual learning", "2019", "https://arxiv.org/abs/1904.07734"
)
UMAP = Paper(
    "McInnes, Healy and Melville", "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction",
    "2018", "https://arxiv.org/abs/1802.03426",
)  # fmt: skip


@dataclass(frozen=True)
class Term:
    """says: the plain sentence; formula: LaTeX, "" where there is nothing to write down."""

    name: str
    says: str
    formula: str = ""
    papers: tuple[Paper, ...] = ()


@dataclass(frozen=True)
class Written:
    """Of a strategy what it picks, of a CL method what a training step minimises: LaTeX; and its papers."""

    formula: str
    papers: tuple[Paper, ...] = ()


SETTING = {
    "task": Term(
        "Task",
        "New classes that come together, such as the digits 2 and 3, and are learned before the next ones come. "
        "Tasks follow each other, and the data of earlier ones is gone.",
    ),
    "label": Term(
        "Label", "The name of a sample's class. It is unknown until somebody buys it, which is what costs money."
    ),
    "round": Term(
        "Round",
        "Labels of a task are bought in rounds. After each the network is trained on all that the task has by then, "
        "and tested on every task so far.",
    ),
    "step": Term(
        "Step and epoch",
        "A step is one correction of the network after a few labelled samples; an epoch is as many steps as it takes "
        "to see each of them once.",
    ),
    "finetune": Term(
        "Fine-tuning",
        "The network is simply trained on with the newest task's samples, and remembers none: what other CL methods "
        "are compared with.",
    ),
    "seed": Term(
        "Seed",
        "The number from which all chance in a run comes: how the network begins, which samples are labelled first, in "
        "which order they are learned. The same seed gives the same run; several seeds tell luck from effect.",
    ),
}  # fmt: skip
"""What a run is made of."""

MEASURED = {
    "accuracy": Term(
        "Accuracy", "The share of test samples, never seen in training, that the network calls by their right name."
    ),
    "R": Term(
        "Accuracy matrix, R",
        "How many of a task's test samples get their right name, after each task that was learned: on task j after "
        "task i, R[i, j].",
        r"R_{i,j} = \text{accuracy on the test samples of task } j \text{ after task } i,\quad j \le i",
        (TRANSFER,),
    ),
    "A": Term(
        "Accuracy kept, A",
        "Accuracy kept: mean accuracy on all tasks seen so far, after the newest one; A_t after task t. ↑ better",
        r"A_t = \frac{1}{t} \sum_{j=1}^{t} R_{t,j}",
        (FORGETTING,),
    ),
    "LA": Term(
        "Accuracy learned, LA",
        "Accuracy learned: mean accuracy on each task right after it was learned, written LA. ↑ better",
        r"\mathrm{LA}_t = \frac{1}{t} \sum_{j=1}^{t} R_{j,j}",
        (LEARNING_ACCURACY,),
    ),
    "forgotten": Term(
        "Forgotten, LA − A",
        "Learned: mean accuracy on each task right after it was learned, the newest as it is now. Kept: mean "
        "accuracy on them all now. The gap is what was forgotten. The table of Matrix R also has F, a mean over the "
        "old tasks only.",
        r"\mathrm{LA}_t - A_t = \frac{1}{t} \sum_{j<t} \left( R_{j,j} - R_{t,j} \right)"
        r" = \frac{t-1}{t} \left( -\mathrm{BWT}_t \right)",
    ),
    "F": Term(
        "Forgetting, F",
        "Forgetting: how far each old task fell below its best accuracy, on average; F_t after task t. ↓ better",
        r"F_t = \frac{1}{t-1} \sum_{j<t} \left( \max_{i<t} R_{i,j} - R_{t,j} \right)",
        (FORGETTING,),
    ),
    "F_diag": Term(
        "Forgetting of the authors, −BWT",
        "Forgetting as the authors compute it: how far each old task fell below its accuracy right after it was "
        "learned, on average; −BWT. ↓ better",
        r"-\mathrm{BWT}_t = \frac{1}{t-1} \sum_{j<t} \left( R_{j,j} - R_{t,j} \right)",
        (TRANSFER,),
    ),
    "own": Term(
        "Own classes only",
        "Asked as usual, the network must find the class among all it has seen. Asked for own classes only, it is told "
        "the task, and chooses among the task's own. What comes back then was not lost: its classes were called by "
        "new names.",
        r"\hat{y}(x) = \arg\max_{k \in \mathcal{C}} p_k(x), \quad"
        r" \mathcal{C} = \text{all classes seen, or those of the task}",
        (SCENARIOS,),
    ),
    "plane": Term(
        "Learned against forgotten",
        "Each point is a strategy. A dotted line joins equal A: what is kept is what was learned minus what was "
        "forgotten; up and to the left is better.",
        r"A_t = \mathrm{LA}_t - \left( \mathrm{LA}_t - A_t \right)",
    ),
    "±": Term(
        "Standard error, ±",
        "How far a mean over some seeds would move with other seeds: the farther, the more they differ among each "
        "other and the fewer they are.",
        r"\pm \, s / \sqrt{n}, \quad s = \text{standard deviation over } n \text{ seeds}",
    ),
    "noise": Term(
        "Within noise",
        "A difference that seeds alone may bring about: a test that pairs the runs of equal seeds does not exclude "
        "that there is none.",
    ),
    "points": Term(
        "Points", "Percentage points: from 70 % to 75 % are 5 points. Differences of accuracies are written so."
    ),
}  # fmt: skip
"""What is measured of a run."""

CHOSEN = {
    "pool": Term("Pool", "The samples of the new task that have no label yet: what a query chooses from."),
    "query": Term("Query", "One choice of samples out of the pool, which then are labelled and learned."),
    "loss": Term(
        "Loss",
        "How wrong the network is about a sample: 0 where it is sure of the right name, large where it is sure of "
        "another.",
        r"-\log p_y",
    ),
    "logits": Term("Logits", "The network's outputs before they are turned into probabilities: one number a class."),
    "fisher": Term(
        "Fisher information embedding, f",
        "How much the label of a sample would tell each weight of the last layer: much where the network is unsure of "
        "a class and the feature is strong.",
        r"f(x)_{k,i} = p_k \, (1 - p_k) \, h_i^2, \qquad F(S) = \frac{1}{|S|} \sum_{x \in S} f(x)",
        (ACCUACL, BAIT),
    ),
    "target": Term(
        "Target, F*",
        "The target, F*: λ times the Fisher information of the memory plus 1 − λ times that of the pool; what the "
        "picks should cover.",
        r"F^* = \lambda \, F(M_t) + (1 - \lambda) \, F(U_t)",
        (ACCUACL,),
    ),
    "λ": Term(
        "Weight of the past, λ",
        "Weight of the past in the target, λ: 0 = only the new task, 1 = only the memory.",
        r"\lambda = \frac{|U_{1:t-1}|}{|U_{1:t}|} \ \text{where none is chosen}",
        (ACCUACL,),
    ),
    "M": Term(
        "Magnitude, M",
        "Magnitude M: how much the sample would move the network, the length of its Fisher embedding; large where the "
        "network is unsure and its features are strong.",
        r"M(x) = \lVert f(x) \rVert_2 \ \text{over the kept entries}",
        (ACCUACL,),
    ),
    "D": Term(
        "Distribution score, D",
        "Distribution score D: how alike that is to what past and new tasks need, its Fisher information beside the "
        "target's; 1 is spread the same.",
        r"D(x) = \exp\!\left( -\frac{\mathrm{JS}(p_x, q)}{\overline{\mathrm{JS}}} \right), \quad"
        r" p_x = \mathrm{softmax}\!\left( \frac{f(x)}{\mu} \right), \quad"
        r" q = \mathrm{softmax}\!\left( \frac{F^*}{\mu} \right), \quad \mu = \overline{F^*}, \\[4pt]"
        r" \mathrm{JS}(p, q) = \sqrt{\tfrac{1}{2} \sum_j \left( p_j \ln \tfrac{2 p_j}{p_j + q_j}"
        r" + q_j \ln \tfrac{2 q_j}{p_j + q_j} \right)}",
        (ACCUACL,),
    ),
    "entries": Term(
        "Deciding entries",
        "An entry is one class and one feature of the Fisher information: how much the label would tell the weight "
        "between the two. Here is what each adds to M, and its part of 1 − D, what parts the sample from the target.",
        r"M = \sum_j \frac{f_j^2}{M}, \quad 1 - D = \sum_j (1 - D) \, \frac{t_j}{\sum_i t_i}, \quad"
        r" t_j = p_j \ln \tfrac{2 p_j}{p_j + q_j} + q_j \ln \tfrac{2 q_j}{p_j + q_j}",
        (ACCUACL,),
    ),
    "n": Term("Picks, n", "Samples to pick in this query.", r"n = |S|"),
    "dims": Term(
        "Kept entries, K",
        "Fisher entries AccuACL keeps for each output of the network, shared by the classes of the query.",
        r"K = 5 \cdot \text{outputs}, \quad"
        r" \min\!\left( d, \left\lfloor K / C \right\rfloor \right) \text{ largest of } F^* \text{ for each of } C"
        r" \text{ classes}",
        (ACCUACL,),
    ),
    "oversample": Term(
        "Oversampling",
        "AccuACL first takes this many times the picks by distribution, then cuts by magnitude.",
        r"\text{oversample} = \frac{\text{candidates by } D}{n} = 2 \ \text{in the authors' code}",
        (ACCUACL,),
    ),
    "J": Term(
        "Trace objective, J",
        "Trace objective J: how well these picks cover what the target asks for (lower is better): the sum of "
        "F* / F(picks) over the kept Fisher entries.",
        r"J(S) = \sum_j \frac{F^*_j}{F(S)_j + \varepsilon}, \quad \varepsilon = 10^{-3} \, \overline{F^*}",
        (ACCUACL, BAIT),
    ),
    "stand_in": Term(
        "Memory as a stand-in",
        "The target knows the past by the memory alone. Here the few samples of the memory are held against all "
        "samples of the past tasks, seen by the same network: by the distance that D is made of, 0 is the same.",
        r"\mathrm{JS}\!\left( \mathrm{softmax}\!\left( \frac{F(M_t)}{\mu} \right),"
        r" \mathrm{softmax}\!\left( \frac{F(U_{1:t-1})}{\mu} \right) \right)",
        (ACCUACL,),
    ),
    "true_past": Term(
        "True past",
        "All samples of the past tasks, in the place of the memory: what AccuACL would pick if it could see them.",
        r"F^* = \lambda \, F(U_{1:t-1}) + (1 - \lambda) \, F(U_t)",
    ),
    "cosine": Term(
        "Cosine",
        "How alike two rows of numbers are in direction, whatever their size: 1 is the same direction, 0 nothing in "
        "common.",
        r"\frac{\langle a, b \rangle}{\lVert a \rVert \, \lVert b \rVert}",
    ),
    "memory": Term(
        "Memory",
        "Old samples kept for replay; the only thing the network still sees of past tasks.",
        r"M_t \subset S_1 \cup \dots \cup S_{t-1}, \quad |M_t| \le \text{memory size}",
        (ER,),
    ),
}  # fmt: skip
"""How samples are chosen, and from what."""

SHOWN = {
    "redundancy": Term(
        "Redundancy",
        "Mean distance in feature space from each pick to its nearest other pick: small means that picks "
        "repeat each other.",
        r"\frac{1}{n} \sum_{x \in S} \min_{y \in S,\, y \ne x} \lVert h(x) - h(y) \rVert_2",
    ),
    "nearest_memory": Term(
        "Distance to memory",
        "Mean distance in feature space from each pick to the nearest memory sample.",
        r"\frac{1}{n} \sum_{x \in S} \min_{y \in M_t} \lVert h(x) - h(y) \rVert_2",
    ),
    "balance": Term(
        "Class balance",
        "Class balance: how evenly the picks are spread over the pool's true classes; 100 % is as many of each.",
        r"\frac{1}{\ln C} \sum_{c=1}^{C} -s_c \ln s_c, \quad s_c = \text{share of class } c \text{ among the picks}",
    ),
    "overlap": Term(
        "Overlap",
        "Jaccard overlap: picks two strategies share, divided by all picks of either.",
        r"\frac{|S_1 \cap S_2|}{|S_1 \cup S_2|}",
    ),
    "sensitivity": Term(
        "Sensitivity",
        "How far the outcome moves when one setting takes other values and all else stays: a path that stays within "
        "the noise says that the setting matters little here.",
    ),
    "seeds": Term(
        "Overlap between seeds",
        "The overlap of what two seeds pick in the same place, mean over all pairs ± standard deviation; beside it "
        "that of two blind draws.",
        r"\frac{1}{\binom{s}{2}} \sum_{a<b} \frac{|S_a \cap S_b|}{|S_a \cup S_b|}",
    ),
    "worth": Term(
        "Worth of a label",
        "How much more a set of labels teaches of the new task, or keeps of the old ones, when this sample is in it: "
        "its share of what many random sets did, beside what any sample of its class does. It is shown only where it "
        "predicts sets that it was not read from, two halves of the sets agree on it, and the loss does less well.",
        r"\text{outcome}(S) \approx a + \sum_{x \in S} w_x + \sum_c b_c \, n_c(S), \quad \text{worth of } x = w_x",
        papers=(DATAMODELS,),
    ),
    "map": Term(
        "Feature map",
        "Each point is a sample, placed by the two main directions (PCA) of the network's features.",
    ),
    "layout": Term(
        "Feature map, PCA or UMAP",
        "Each point is a sample, placed so that those which the network sees alike lie together. PCA: the two "
        "directions in which they differ most. UMAP: by who their neighbours are; distances far apart mean little.",
        papers=(UMAP,),
    ),
    "cards": Term(
        "Pictures just labelled",
        "Below each picture: its class, the score that chose it, and its rank in the pool by magnitude (M) and by "
        "distribution score (D).",
    ),
    "pace": Term("Pace", "The least time a phase takes, for the eye only; the results stay the same."),
}  # fmt: skip
"""What else the pages show."""

GROUPS = {
    "What a run is made of": SETTING,
    "What is measured": MEASURED,
    "How samples are chosen": CHOSEN,
    "What else is shown": SHOWN,
}
TERMS = {key: term for group in GROUPS.values() for key, term in group.items()}
"""By the key that pages ask for."""

CROSS_ENTROPY = r"\ell(B) = \frac{1}{|B|} \sum_{(x,y) \in B} -\ln p_y(x)"
PLUGINS: dict[tuple[Kind, str], Written] = {
    ("strategies", "full"): Written(r"S = U_t"),
    ("strategies", "uniform"): Written(r"P(S) = 1 \Big/ \binom{|U_t|}{n}"),
    ("strategies", "entropy"): Written(r"\text{the } n \text{ largest of } -\textstyle\sum_k p_k \ln p_k", (SURVEY,)),
    ("strategies", "least_confidence"): Written(r"\text{the } n \text{ largest of } 1 - \max_k p_k", (SURVEY,)),
    ("strategies", "kcenter"): Written(
        r"\text{next } x = \arg\max_{x \in U_t} \min_{y \in S_t \cup S} \lVert h(x) - h(y) \rVert_2", (CORE_SET,)
    ),
    ("strategies", "badge"): Written(
        r"P(\text{next } x) \propto \min_{y \in S} \lVert g(x) - g(y) \rVert^2, \quad"
        r" g = (p - e_{\hat{y}}) \otimes h",
        (BADGE,),
    ),
    ("strategies", "bait"): Written(
        r"\min_S \operatorname{tr}\!\Big[ \Big( A_0^{-1} + \tfrac{n}{n_L + n} \sum_{x \in S} I(x) \Big)^{-1}"
        r" F(U_t \cup S_t) \Big], \quad A_0^{-1} = 0.01 \, I + \tfrac{n_L}{n_L + n} F(S_t), \quad"
        r" I(x) = (\operatorname{diag} p - p p^\top) \otimes h h^\top",
        (BAIT,),
    ),
    ("strategies", "accuacl"): Written(
        r"\text{of the } 2n \text{ largest } D(x) \text{ the } n \text{ largest } M(x)", (ACCUACL,)
    ),
    ("learners", "finetune"): Written(CROSS_ENTROPY + r" \ \text{ of new samples } B"),
    ("learners", "er"): Written(r"\ell(B \cup B_M), \quad " + CROSS_ENTROPY, (ER,)),
    ("learners", "gss"): Written(
        r"\ell(B \cup B_M), \quad \text{kept by } \max_{m} \cos\!\left( \nabla \ell(x), \nabla \ell(B_m) \right)"
        r" \text{ as low as can be}",
        (GSS,),
    ),
    ("learners", "derpp"): Written(
        r"\ell(B) + 0.1 \, \overline{\left( z - z_{\text{stored}} \right)^2} \big|_{B_M} + 0.5 \, \ell(B_M)", (DERPP,)
    ),
    ("learners", "er_ace"): Written(
        r"\tfrac{1}{2} \left[ \ell_{\text{classes of } B}(B) + \ell(B_M) \right]", (ER_ACE,)
    ),
}  # fmt: skip
