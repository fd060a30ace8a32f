"""Writes real inputs as requests that curl can send, laid out for the eye."""

import json

import measure

# Test images chosen by eye: a 0 and a 5 that both versions read right, and a plain 2 that
# version 1 takes for a 3.
SHOWN = (230, 163, 107)
READ_AS = {"1": [0, 5, 3], "2": [0, 5, 2]}

SENTENCES = [
    "Where is the nearest train station, please?",
    "Meine Schwester hat letzte Woche ein rotes Auto gekauft.",
    "Il fait beau aujourd'hui et nous allons à la plage.",
    "¿Dónde está la estación de tren más cercana?",
    "Tänään on kaunis ilma ja menemme rannalle.",
    "今日は天気がいいので、海に行きます。",
    "\N{WAVING HAND SIGN} !!! 42",
]


def _image(pixels):
    """One image, one row of pixels per line."""
    rows = ["[" + ",".join(f"{int(v):3d}" for v in row) + "]" for row in pixels]
    return "        [" + ",\n         ".join(rows) + "]"


def digits_json(images):
    """An inference request in which the digits can be seen."""
    data = ",\n\n".join(_image(image) for image in images)
    return f"""{{
  "inputs": [
    {{
      "name": "image",
      "shape": [{len(images)}, 8, 8],
      "datatype": "FP32",
      "data": [
{data}
      ]
    }}
  ]
}}
"""


def text_json(texts):
    """An inference request with one sentence per line."""
    data = ",\n".join(" " * 8 + json.dumps(t, ensure_ascii=False) for t in texts)
    return f"""{{
  "inputs": [
    {{
      "name": "text",
      "shape": [{len(texts)}],
      "datatype": "BYTES",
      "data": [
{data}
      ]
    }}
  ]
}}
"""


def check(images, versions):
    """The models must still read the shown images as the README says."""
    for version, model in versions.items():
        label = measure.run(measure.session(model), "image", images)["label"].tolist()
        assert label == READ_AS[version], f"version {version} reads {label}: choose other images"


def write(folder, split, versions):
    """digits.json, digits.bin (the first of its images as raw little-endian FP32), text.json.

    `versions` maps the versions of digits to their bytes.
    """
    images = split.test_x[list(SHOWN)]
    check(images, versions)
    requests = {"digits.json": digits_json(images), "text.json": text_json(SENTENCES)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, request in requests.items():
        json.loads(request)
        (folder / name).write_text(request, "utf-8")
    (folder / "digits.bin").write_bytes(images[0].astype("<f4").tobytes())
