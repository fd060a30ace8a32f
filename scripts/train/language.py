"""The language model: raw text in, the name of its language out.

    text -> its first 500 characters -> letter ids -> counts of 1- to 4-grams
         -> square root, unit length -> one weight matrix -> softmax -> name

All of it is inside the graph. Ids keep what tells languages apart and drop what does not:
upper and lower case share an id, each script that has thousands of characters is one id, and
everything else (digits, punctuation, emoji, scripts not learned) is a word boundary.
Characters that only pad a row to the length of its longest neighbour get an id that is in no
n-gram, so the rows of a batch cannot change each other.
"""

from collections import Counter

import numpy as np
import scipy.sparse as sp
from onnx import helper
from sklearn.linear_model import LogisticRegression

import corpus
import graph

OPSET, IR_VERSION = 20, 9
PAD, BOUNDARY, FIRST_LETTER = 0, 1, 2
PAD_TEXT = "<pad>"  # longer than one character, so no character of a text can equal it
LONGEST = 4
LONGEST_TEXT = 500  # characters: what follows is ignored
UNKNOWN = "unknown"

# Scripts that count as one letter each: first and last code points.
SCRIPTS = [
    [(0x3400, 0x4DBF), (0x4E00, 0x9FFF)],  # Han
    [(0x3041, 0x3096)],  # Hiragana
    [(0x30A1, 0x30FA), (0x30FC, 0x30FC)],  # Katakana
    [(0xAC00, 0xD7A3)],  # Hangul
]

# Chosen on a fifth of the training messages, held apart; the test messages and the everyday
# sentences had no part in it.
NGRAMS_PER_LANGUAGE = 1200
REGULARISATION_C = 30.0
LETTER_MIN_COUNT = 20


def letters(lines):
    """Maps each known character to its id: the letters common in some language, then scripts."""
    table = {}
    for i, ranges in enumerate(SCRIPTS):
        for first, last in ranges:
            table.update({chr(c): FIRST_LETTER + i for c in range(first, last + 1)})
    counts = Counter()
    for text, language in lines:
        counts.update((language, c) for c in text.lower() if c.isalpha() and c not in table)
    common = sorted({c for (_, c), n in counts.items() if n >= LETTER_MIN_COUNT})
    for i, c in enumerate(common, FIRST_LETTER + len(SCRIPTS)):
        table[c] = i
        if len(c.upper()) == 1:
            table.setdefault(c.upper(), i)
    # The Turkish capital dotted i: its lower case is two characters.
    table.setdefault("\u0130", table["i"])
    return table


def encode(text, table):
    """What the graph does to a text: ids with a boundary at both ends, then the cut."""
    ids = [BOUNDARY, *(table.get(c, BOUNDARY) for c in text), BOUNDARY]
    return ids[: LONGEST_TEXT + 1]


def ngrams(ids):
    """All n-grams that hold a letter and no empty word."""
    for n in range(1, LONGEST + 1):
        for i in range(len(ids) - n + 1):
            gram = tuple(ids[i : i + n])
            empty = any(a == b == BOUNDARY for a, b in zip(gram, gram[1:]))
            if gram != (BOUNDARY,) and not empty:
                yield gram


def vocabulary(lines, table):
    """The most frequent n-grams of each language, shortest first."""
    counts = {language: Counter() for language in corpus.LANGUAGES}
    for text, language in lines:
        counts[language].update(ngrams(encode(text, table)))
    chosen = set()
    for c in counts.values():
        ranked = sorted(c.items(), key=lambda item: (-item[1], item[0]))
        chosen.update(gram for gram, _ in ranked[:NGRAMS_PER_LANGUAGE])
    return sorted(chosen, key=lambda gram: (len(gram), gram))


def features(texts, table, vocab):
    """The graph's feature vectors, computed apart from it (so that each checks the other)."""
    index = {gram: i for i, gram in enumerate(vocab)}
    rows, cols, values = [], [], []
    for row, text in enumerate(texts):
        found = Counter(index[g] for g in ngrams(encode(text, table)) if g in index)
        norm = np.sqrt(sum(found.values())) or 1.0
        rows += [row] * len(found)
        cols += found.keys()
        values += [np.sqrt(n) / norm for n in found.values()]
    shape = (len(texts), len(vocab))
    return sp.csr_matrix((np.float32(values), (rows, cols)), shape)


def fit(lines, table, vocab, c=REGULARISATION_C):
    """Multinomial logistic regression without a bias: a text without a single known letter
    gets the same probability for every language. Each language weighs the same."""
    texts, labels = zip(*lines)
    model = LogisticRegression(
        C=c, max_iter=2000, tol=1e-6, class_weight="balanced", fit_intercept=False
    )
    model.fit(features(texts, table, vocab), labels)
    assert list(model.classes_) == corpus.LANGUAGES
    return np.ascontiguousarray(model.coef_.T, np.float32)


def _nodes(table, vocab):
    """The graph's nodes, from `text` to both outputs."""
    starts = [0] + [sum(len(g) == n for g in vocab) * n for n in range(1, LONGEST)]
    node = helper.make_node
    return [
        # Boundaries at both ends.
        node("StringConcat", ["space", "text"], ["led"]),
        node("StringConcat", ["led", "space"], ["framed"]),
        # Only the first piece of a long text goes on: every row is padded to the longest one,
        # so a book among short messages would make them all slow.
        node(
            "Tokenizer", ["framed"], ["pieces"], domain="com.microsoft",
            mark=0, mincharnum=1, pad_value="", tokenexp=f"(?s).{{1,{LONGEST_TEXT + 1}}}",
        ),
        node("Gather", ["pieces", "first"], ["start"], axis=1),
        # One token per character.
        node(
            "Tokenizer", ["start"], ["characters"], domain="com.microsoft",
            mark=0, mincharnum=1, pad_value=PAD_TEXT, separators=[""],
        ),
        node(
            "LabelEncoder", ["characters"], ["ids"], domain="ai.onnx.ml",
            keys_strings=[PAD_TEXT, *table], values_int64s=[PAD, *table.values()],
            default_int64=BOUNDARY,
        ),
        node(
            "TfIdfVectorizer", ["ids"], ["counts"], mode="TF", max_skip_count=0,
            min_gram_length=1, max_gram_length=LONGEST,
            ngram_counts=[int(s) for s in np.cumsum(starts)],
            ngram_indexes=list(range(len(vocab))),
            pool_int64s=[i for gram in vocab for i in gram],
        ),
        # Square roots scaled to unit length: the squares add up to the number of n-grams.
        node("ReduceSum", ["counts", "last_axis"], ["total"], keepdims=1),
        node("Max", ["total", "one"], ["at_least_one"]),
        node("Div", ["counts", "at_least_one"], ["shares"]),
        node("Sqrt", ["shares"], ["features"]),
        node("MatMul", ["features", "weight"], ["scores"]),
        node("Softmax", ["scores"], ["probabilities"], axis=1),
        # The name, or "unknown" for a text without a letter that was learned.
        node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0),
        node("Gather", ["names", "best"], ["name"]),
        node("Squeeze", ["total", "last_axis"], ["found"]),
        node("Greater", ["found", "zero"], ["any_found"]),
        node("Where", ["any_found", "name", "unknown"], ["language"]),
    ]  # fmt: skip


def build(table, vocab, weight):
    """The whole model."""
    initializers = [
        helper.make_tensor("space", graph.STRING, [], [b" "]),
        helper.make_tensor("unknown", graph.STRING, [], [UNKNOWN.encode()]),
        graph.const("names", corpus.LANGUAGES),
        graph.const("weight", weight, np.float32),
        graph.const("first", 0, np.int64),
        graph.const("last_axis", [1], np.int64),
        graph.const("one", 1, np.float32),
        graph.const("zero", 0, np.float32),
    ]
    return graph.build(
        "language",
        _nodes(table, vocab),
        [graph.value("text", graph.STRING, ["batch"])],
        [
            graph.value("language", graph.STRING, ["batch"]),
            graph.value("probabilities", graph.FLOAT, ["batch", len(corpus.LANGUAGES)]),
        ],
        initializers,
        OPSET,
        IR_VERSION,
        {"ai.onnx.ml": 3, "com.microsoft": 1},
    )


def train(lines, seed):
    """Learns from (text, language) lines. Returns the model, its letters, n-grams and weights."""
    lines = corpus.fragments(lines, seed)
    table = letters(lines)
    vocab = vocabulary(lines, table)
    weight = fit(lines, table, vocab)
    return build(table, vocab, weight), table, vocab, weight
