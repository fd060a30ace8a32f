"""The language model's text: translation catalogues of well-known Python packages.

The packages are pinned in requirements.txt. Their gettext catalogues hold every message in
English and in translation; nothing of the packages is run.
"""

import gettext
import importlib.util
import random
import re
import zlib
from pathlib import Path

# package as imported: the name and licence to state
PACKAGES = {
    "django": "Django (BSD-3-Clause)",
    "wagtail": "Wagtail (BSD-3-Clause)",
    "sphinx": "Sphinx (BSD-2-Clause)",
    "allauth": "django-allauth (MIT)",
    "rest_framework": "Django REST framework (BSD-3-Clause)",
}
SOURCE = "gettext message catalogues of " + ", ".join(PACKAGES.values())

# language: the catalogue names that hold it. English is what the catalogues translate from.
LOCALES = {
    "Arabic": ["ar"],
    "Chinese": ["zh_Hans", "zh_CN"],
    "Czech": ["cs", "cs_CZ"],
    "Dutch": ["nl"],
    "Finnish": ["fi"],
    "French": ["fr", "fr_FR"],
    "German": ["de", "de_DE"],
    "Greek": ["el", "el_GR"],
    "Hungarian": ["hu"],
    "Italian": ["it"],
    "Japanese": ["ja"],
    "Korean": ["ko", "ko_KR"],
    "Polish": ["pl"],
    "Portuguese": ["pt", "pt_PT", "pt_BR"],
    "Russian": ["ru", "ru_RU"],
    "Spanish": ["es"],
    "Swedish": ["sv"],
    "Turkish": ["tr", "tr_TR"],
    "Ukrainian": ["uk", "uk_UA"],
}
LANGUAGES = sorted([*LOCALES, "English"])

_MARKUP = re.compile(
    r"%\([^)]*\)[#0-9.]*[a-zA-Z]|%[a-zA-Z]|\{[^}]*\}|<[^>]*>|\w+://\S+|&[a-z]+;|[\w.]+@[\w.]+|`[^`]*`"
)


def _clean(text):
    """Takes out what belongs to no language: placeholders, markup, addresses, shortcuts."""
    text = _MARKUP.sub(" ", text).replace("_", "").replace("&", "")
    return " ".join(text.split())


def _messages(locale):
    """Yields (English, translation) of every message of one locale, in a fixed order."""
    for package in PACKAGES:
        root = Path(importlib.util.find_spec(package).submodule_search_locations[0])
        for path in sorted(root.rglob(f"locale*/{locale}/LC_MESSAGES/*.mo")):
            with path.open("rb") as f:
                catalog = gettext.GNUTranslations(f)._catalog
            for key, translation in catalog.items():
                english = key[0] if isinstance(key, tuple) else key
                if not english:  # the catalogue's header: no language at all
                    continue
                yield english.split("\x04")[-1], translation


def _left_in_english(english, translation):
    """Whether most words of a translation already stand in the English message: such a line
    ("URL", "HTTP status") would carry a wrong label."""
    words = re.findall(r"\w+", translation.lower())
    known = set(re.findall(r"\w+", english.lower())) | {re.sub(r"\W", "", english.lower())}
    return sum(w in known for w in words) * 2 >= len(words)


def _held_out(english):
    """One message in five, by its English text, so in all languages and packages at once:
    no test line has its translation, or its twin in another package, in the training set."""
    return zlib.crc32(english.encode()) % 5 == 0


def load():
    """Returns (train, test): sorted lists of (text, language) without duplicates.

    Lines with fewer than three letters are left out. A line that is the same in two
    languages appears under both, which no classifier can get right.
    """
    train, test = set(), set()
    for language, locales in LOCALES.items():
        for locale in locales:
            for english, translation in _messages(locale):
                lines = test if _held_out(english) else train
                for text, label in ((translation, language), (english, "English")):
                    text = _clean(text)
                    if label != "English" and _left_in_english(english, text):
                        continue
                    if sum(c.isalpha() for c in text) >= 3:
                        lines.add((text, label))
    seen = {text for text, _ in train}
    return sorted(train), sorted(line for line in test if line[0] not in seen)


def fragments(lines, seed):
    """The lines and, from each longer one, three short cuts: people send short text too."""
    rng = random.Random(seed)
    out = list(lines)
    for text, language in lines:
        unspaced = language in ("Chinese", "Japanese")
        words = list(text) if unspaced else text.split()
        if len(words) < 5:
            continue
        for _ in range(3):
            n = rng.randint(2, 5) * (2 if unspaced else 1)
            start = rng.randrange(max(1, len(words) - n + 1))
            cut = ("" if unspaced else " ").join(words[start : start + n])
            if sum(c.isalpha() for c in cut) >= 3:
                out.append((cut, language))
    return out


def everyday():
    """Sentences written for this check, far from the catalogues' subjects: (text, language)."""
    path = Path(__file__).with_name("everyday.tsv")
    rows = [r.split("\t") for r in path.read_text("utf-8").splitlines() if not r.startswith("#")]
    return [(text, language) for language, text in rows]
