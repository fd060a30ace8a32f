"""Trains every sample model, measures it and writes it into a model repository.

    pip install --no-deps -r scripts/train/requirements.txt
    python scripts/train/train.py --out model_repo

Two runs on one machine give the same bytes. On another machine the last bits of the weights
may differ (another processor adds in another order); the accuracies should not.
"""

import argparse
import json
import logging
import re
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import corpus
import digits
import examples
import graph
import language
import measure
import verify

SEED = 0


def train_digits(out):
    """Writes digits/1, digits/2 and digits_int8/1. Returns their measurements, and the images."""
    split = digits.load()
    logistic = digits.logistic_model(split)
    network = digits.cnn_model(split, SEED)
    int8 = digits.quantised_model(network, split)
    described = {
        "digits/1": (logistic, "Handwritten digits, 8x8: multinomial logistic regression."),
        "digits/2": (network, "Handwritten digits, 8x8: a small convolutional network."),
        "digits_int8/1": (int8, "digits version 2, statically quantised to 8 bits (QDQ)."),
    }
    results = {}
    for name, (model, doc) in described.items():
        score = measure.digits(graph.to_bytes(model), split)
        graph.finish(
            model,
            doc + " Input: pixels 0 to 16. A row's result does not depend on its neighbours.",
            {
                "source": digits.SOURCE,
                "accuracy": measure.percent(score),
                "accuracy_measured_on": "the last 540 images of the set, not used in training",
            },
        )
        size = graph.save(model, out / name / "model.onnx")
        results[name] = {"bytes": size, "test images": score}
    return results, split


def train_language(out):
    """Writes language/1. Returns its measurements."""
    train, test = corpus.load()
    model, table, vocab, weight = language.train(train, SEED)
    finished = graph.to_bytes(model)
    check_twins(finished, test[:2000], table, vocab, weight)
    scores = {
        "held-out messages": measure.language(finished, test),
        "held-out messages of 20 or more characters": measure.language(
            finished, [line for line in test if len(line[0]) >= 20]
        ),
        "everyday sentences": measure.language(finished, corpus.everyday()),
    }
    graph.finish(
        model,
        "Names the language of a text, by its 1- to 4-letter sequences. "
        f"Knows {len(corpus.LANGUAGES)}; says '{language.UNKNOWN}' where it recognises no letter. "
        "A row's result does not depend on its neighbours.",
        {
            "source": corpus.SOURCE,
            "accuracy": "; ".join(f"{measure.percent(s)} of {name}" for name, s in scores.items()),
            "labels": ", ".join(corpus.LANGUAGES),
        },
    )
    size = graph.save(model, out / "language/1/model.onnx")
    return {"language/1": {"bytes": size, "training messages": len(train), **scores}}


def check_twins(model, lines, table, vocab, weight):
    """The graph and the trainer's own feature code must agree."""
    texts = [text for text, _ in lines]
    scores = np.asarray(language.features(texts, table, vocab) @ weight)
    wanted = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    got = measure.run(measure.session(model), "text", measure.strings(texts))["probabilities"]
    worst = float(np.abs(got - wanted).max())
    assert worst < 1e-4, f"graph and trainer differ by {worst}"


def report(out, results):
    """Writes .measured.json and renews the table between the README's marks, if it has them."""
    text = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    (out / ".measured.json").write_text(text, "utf-8")
    lines = ["| model | size | measured on | right |", "|---|---|---|---|"]
    for name, result in results.items():
        size = f"{result['bytes'] / 1000:,.0f} kB"
        for where, score in result.items():
            if isinstance(score, dict):
                lines.append(f"| `{name}` | {size} | {where} | {measure.percent(score)} |")
    readme = out / "README.md"
    if readme.exists():
        marks = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.S)
        table = "\n".join(lines) + "\n"
        old = readme.read_text("utf-8")
        readme.write_text(marks.sub(lambda m: m[1] + table + m[2], old), "utf-8")
    print("\n".join(lines))


def main():
    """Trains, writes, reports, and checks what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("model_repo"))
    out = parser.parse_args().out
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser's advice about large models
    with threadpool_limits(1):  # so that sums are always added in one order
        results, split = train_digits(out)
        results |= train_language(out)
    versions = {v: (out / f"digits/{v}/model.onnx").read_bytes() for v in "12"}
    examples.write(out / ".examples", split, versions)
    report(out, results)
    verify.verify(out)


if __name__ == "__main__":
    main()
