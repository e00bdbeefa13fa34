"""The phones that the corpus knows, what each asks of the lips, and its viseme. Knows no synthesiser and no time.

PUBLISHED: inner-lip distances in millimetres at the middle of a stressed phone, as X-ray and motion-capture studies
report them for English (open vowels 12-14, close vowels 4-7, alveolars about 5, rest 0); weights say how
strongly a phone insists (Cohen and Massaro 1993; Edwards et al., JALI, 2016). PHONES: the same with opening, weight,
rounding and spreading as fitted on people's measured lips (phone_targets.json). The jaw, the tongue and silence are
not measured and stay as published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from scripts.training.speech.phone_targets import PhoneTargets, phone_targets

SILENCE = "_"


@dataclass(frozen=True, slots=True)
class Phone:
    """Targets of one phone. Each target has its own weight in the blend; 0 leaves it free."""

    viseme: str
    opening: float  # mm between the inner lips
    weight: float
    jaw: float = 3.0  # mm between the incisors, beyond rest
    jaw_weight: float = 0.3
    rounding: float = 0.0  # 0..1, lips pursed and forward
    rounding_weight: float = 0.3
    spreading: float = 0.0  # 0..1, corners drawn apart
    tongue: float = 0.0  # 0..1, tongue tip between the teeth


def _vowel(viseme: str, opening: float, jaw: float, rounding: float = 0.0, spreading: float = 0.0) -> Phone:
    return Phone(viseme, opening, 1.0, jaw, 0.8, rounding, 1.0 if rounding else 0.6, spreading)


def _consonant(viseme: str, opening: float, weight: float, jaw: float = 3.0, jaw_weight: float = 0.4) -> Phone:
    return Phone(viseme, opening, weight, jaw, jaw_weight)


_BILABIAL = Phone("PP", 0.0, 1.6, 3.0, 0.3, 0.0, 0.15)
_LABIODENTAL = Phone("FF", 1.6, 1.5, 2.5, 0.6, 0.0, 0.5)
_ALVEOLAR_STOP = _consonant("DD", 5.0, 0.5, 2.5)
_VELAR = _consonant("kk", 6.5, 0.25, 4.0, 0.2)
_DENTAL = Phone("TH", 5.0, 0.6, 3.0, 0.5, tongue=0.6)
_SIBILANT = Phone("SS", 4.5, 0.8, 1.2, 1.2, spreading=0.4)
_PALATAL_SIBILANT = Phone("CH", 5.5, 0.8, 1.5, 1.2, 0.65, 1.2)

PUBLISHED: dict[str, Phone] = {
    SILENCE: Phone("sil", 0.0, 1.2, 0.0, 1.0, 0.0, 0.2),
    "i": _vowel("ih", 6.0, 3.0, 0.0, 1.0),
    "ɪ": _vowel("ih", 7.2, 4.5, 0.0, 0.5),
    "e": _vowel("E", 8.2, 5.5, 0.0, 0.7),
    "ɛ": _vowel("E", 10.0, 7.5, 0.0, 0.5),
    "æ": _vowel("aa", 12.3, 10.0, 0.0, 0.5),
    "a": _vowel("aa", 13.0, 10.5, 0.0, 0.2),
    "ɑ": _vowel("aa", 13.0, 11.0),
    "ɒ": _vowel("aa", 11.0, 9.5, 0.35),
    "ɔ": _vowel("oh", 9.5, 8.5, 0.6),
    "o": _vowel("oh", 7.0, 6.0, 0.8),
    "ʊ": _vowel("ou", 6.0, 4.5, 0.65),
    "u": _vowel("ou", 4.2, 3.0, 1.0),
    "ʌ": _vowel("aa", 9.5, 8.0),
    "ə": Phone("E", 6.5, 0.6, 5.0, 0.4, 0.0, 0.3),
    "ɜ": _vowel("RR", 6.8, 5.0, 0.35),
    "y": _vowel("ou", 4.5, 3.0, 0.95),
    "ø": _vowel("oh", 6.3, 5.0, 0.8),
    "œ": _vowel("oh", 8.0, 7.0, 0.65),
    "ɨ": _vowel("ih", 6.2, 3.5, 0.0, 0.4),
    "p": _BILABIAL,
    "b": _BILABIAL,
    "m": _BILABIAL,
    "f": _LABIODENTAL,
    "v": _LABIODENTAL,
    "t": _ALVEOLAR_STOP,
    "d": _ALVEOLAR_STOP,
    "n": _consonant("nn", 5.5, 0.45, 2.8),
    "l": Phone("nn", 6.5, 0.45, 3.5, 0.4, tongue=0.35),
    "k": _VELAR,
    "g": _VELAR,
    "ŋ": _consonant("nn", 6.0, 0.3, 4.0, 0.2),
    "x": _VELAR,
    "h": Phone("kk", 7.0, 0.08, 5.0, 0.05, 0.0, 0.02),
    "θ": _DENTAL,
    "ð": _DENTAL,
    "s": _SIBILANT,
    "z": _SIBILANT,
    "ʃ": _PALATAL_SIBILANT,
    "ʒ": _PALATAL_SIBILANT,
    "r": Phone("RR", 5.0, 0.6, 3.5, 0.4, 0.45, 0.7),
    "j": Phone("ih", 5.8, 0.6, 3.0, 0.5, 0.0, 0.4, 0.8),
    "w": Phone("ou", 2.8, 1.3, 3.0, 0.5, 1.0, 1.6),
    "β": Phone("ou", 2.5, 1.2, 3.0, 0.4),  # Spanish b between vowels: lips draw near and do not touch
    "ɾ": _consonant("DD", 5.8, 0.35, 3.5, 0.3),
    "ʔ": Phone("kk", 6.0, 0.05, 4.0, 0.05, 0.0, 0.02),
}


def fitted(targets: PhoneTargets) -> dict[str, Phone]:
    """The published phones with what was fitted on measured lips.

    Raises:
        ValueError: a phone has no fitted value; the message names it.
    """
    if missing := set(PUBLISHED) - set(targets.phones) - {SILENCE}:
        raise ValueError(
            f"expected fitted values of all phones, missing: {sorted(missing)}; "
            "copy their published values into phone_targets.json, then run scripts.training.speech.fit_phones"
        )
    found = {SILENCE: PUBLISHED[SILENCE]}
    for name, target in targets.phones.items():
        found[name] = replace(
            PUBLISHED[name],
            opening=target.opening,
            weight=target.weight,
            rounding=target.rounding,
            rounding_weight=target.rounding_weight,
            spreading=target.spreading,
        )
    return found


PHONES: dict[str, Phone] = fitted(phone_targets())

VOWELS = frozenset("iɪeɛæaɑɒɔoʊuʌəɜyøœɨ")
STOPS = frozenset("pbtdkg")
VOICELESS_STOPS = frozenset("ptk")
BILABIALS = frozenset("pbm")
LABIODENTALS = frozenset("fv")
ROUNDED = frozenset("uowʃʒʊ")

# Other symbols of the International Phonetic Alphabet, by the phone here that looks most like them.
_LIKE = {
    "ɐ": "ə", "ɚ": "ɜ", "ɝ": "ɜ", "ᵻ": "ɪ", "ɘ": "ə", "ɵ": "ʊ", "ɤ": "ʌ", "ɯ": "ɨ", "ɶ": "œ", "ʉ": "u", "ʏ": "y",
    "ɞ": "œ", "ɹ": "r", "ʁ": "x", "ʀ": "x", "ɻ": "r", "ɽ": "ɾ", "ɫ": "l", "ʎ": "l", "ɭ": "l", "ɬ": "l", "ɲ": "n",
    "ɳ": "n", "ɴ": "ŋ", "ɱ": "v", "ʂ": "ʃ", "ʐ": "ʒ", "ɕ": "ʃ", "ʑ": "ʒ", "ç": "j", "ʝ": "j", "ɣ": "x", "χ": "x",
    "ħ": "h", "ʕ": "h", "ɦ": "h", "c": "k", "ɟ": "g", "q": "k", "ɢ": "g", "ɡ": "g", "ʈ": "t", "ɖ": "d",
    "ɸ": "f", "ʋ": "v", "ɥ": "y", "ʍ": "w", "ɰ": "g", "ɺ": "l", "ɮ": "l", "α": "ɑ", "ε": "ɛ",
}  # fmt: skip


def parse_ipa(symbol: str) -> list[str]:
    """The phones of one IPA symbol, in order: diphthongs and affricates are two; none known: a silence.

    Length, stress and tone marks are passed over; espeak's event of a pause is the empty string.
    """
    letters = (_LIKE.get(letter, letter) for letter in symbol)
    return [letter for letter in letters if letter in PHONES] or [SILENCE]


# The sets of the English, Italian, Czech, Finnish, Russian and Catalan voices of flite and festival.
_ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɜ", "ay": "aɪ", "eh": "ɛ", "el": "l",
    "em": "m", "en": "n", "er": "ɜ", "ey": "eɪ", "ih": "ɪ", "iy": "i", "ow": "oʊ", "oy": "ɔɪ", "uh": "ʊ", "uw": "u",
    "ch": "tʃ", "jh": "dʒ", "sh": "ʃ", "zh": "ʒ", "th": "θ", "dh": "ð", "hh": "h", "ng": "ŋ", "y": "j", "dx": "ɾ",
    "hv": "h", "nx": "n", "pau": "_", "brth": "_", "h#": "_", "#": "_", "sil": "_", "ssil": "_",
}  # fmt: skip
_ITALIAN = {"ts": "ts", "dz": "dz", "tS": "tʃ", "dZ": "dʒ", "S": "ʃ", "E": "ɛ", "O": "ɔ", "J": "n", "L": "l", "nf": "v"}
_CZECH = {"ch": "x", "ch~": "h", "c~": "tʃ", "c": "ts", "s~": "ʃ", "z~": "ʒ", "dz": "dz", "dz~": "dʒ", "t~": "tj",
          "d~": "dj", "n~": "nj", "n*": "ŋ", "r~": "rʒ", "r~*": "rʃ", "m*": "v", "y": "ɪ", "e": "ɛ"}  # fmt: skip
_FINNISH = {"@": "æ", "7": "ø", "y": "y", "N": "ŋ", "h": "h", "a": "ɑ"}
_RUSSIAN = {"sh": "ʃ", "sch": "ʃ", "zh": "ʒ", "ch": "tʃ", "c": "ts", "i": "i", "y": "ɨ", "yy": "ɨ",
            "ii": "i", "ay": "ə", "ae": "ə", "aa": "a", "ee": "ɛ", "oo": "o", "uu": "u", "h": "x",
            "hh": "x"}  # fmt: skip
_CATALAN = {"ax": "ə", "E": "ɛ", "O": "ɔ", "S": "ʃ", "Z": "ʒ", "L": "l", "J": "n", "N": "ŋ", "rr": "r", "uw": "w",
            "y": "j", "D": "ð", "B": "β", "G": "g", "ts": "ts", "tS": "tʃ"}  # fmt: skip
SETS = {
    "arpabet": _ARPABET,
    "italian": _ITALIAN,
    "czech": _CZECH,
    "finnish": _FINNISH,
    "russian": _RUSSIAN,
    "catalan": _CATALAN,
}


def parse_set(symbol: str, name: str) -> list[str]:
    """The phones of a symbol of one of SETS; stress digits, colons of length and doubled letters count as one."""
    table = SETS[name]
    plain = symbol.rstrip("0123456789:")
    for candidate in (symbol, plain, plain.lower()):
        if candidate in table:
            return list(table[candidate])
        if candidate in _ARPABET and (name == "arpabet" or _ARPABET[candidate] == SILENCE):
            return list(_ARPABET[candidate])
    return parse_ipa(plain[0] if len(set(plain)) == 1 else plain)
