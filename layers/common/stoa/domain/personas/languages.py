"""Languages by their ISO 639-1 code, and PostgreSQL's text search for each."""

# The configurations that every PostgreSQL from 15 on brings along (its `\dF`); English names for the prompt.
_KNOWN = {
    "ar": ("Arabic", "arabic"),
    "ca": ("Catalan", "catalan"),
    "da": ("Danish", "danish"),
    "de": ("German", "german"),
    "el": ("Greek", "greek"),
    "en": ("English", "english"),
    "es": ("Spanish", "spanish"),
    "eu": ("Basque", "basque"),
    "fi": ("Finnish", "finnish"),
    "fr": ("French", "french"),
    "ga": ("Irish", "irish"),
    "hi": ("Hindi", "hindi"),
    "hu": ("Hungarian", "hungarian"),
    "hy": ("Armenian", "armenian"),
    "id": ("Indonesian", "indonesian"),
    "it": ("Italian", "italian"),
    "lt": ("Lithuanian", "lithuanian"),
    "ne": ("Nepali", "nepali"),
    "nl": ("Dutch", "dutch"),
    "no": ("Norwegian", "norwegian"),
    "pt": ("Portuguese", "portuguese"),
    "ro": ("Romanian", "romanian"),
    "ru": ("Russian", "russian"),
    "sr": ("Serbian", "serbian"),
    "sv": ("Swedish", "swedish"),
    "ta": ("Tamil", "tamil"),
    "tr": ("Turkish", "turkish"),
    "yi": ("Yiddish", "yiddish"),
    # Without one of their own; words are compared as they are written.
    "cs": ("Czech", "simple"),
    "fa": ("Persian", "simple"),
    "he": ("Hebrew", "simple"),
    "ja": ("Japanese", "simple"),
    "ko": ("Korean", "simple"),
    "pl": ("Polish", "simple"),
    "th": ("Thai", "simple"),
    "uk": ("Ukrainian", "simple"),
    "vi": ("Vietnamese", "simple"),
    "zh": ("Chinese", "simple"),
}


def search_config(language: str) -> str:
    """PostgreSQL's text search for the language; `simple` (no stemming) for one that it has none for."""
    return _KNOWN.get(language, ("", "simple"))[1]


def language_name(language: str) -> str:
    """Returns the language's English name, or its code where we have no name for it."""
    return _KNOWN.get(language, (language, ""))[0]
