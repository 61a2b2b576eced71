"""Keywords by the engine's own BM25: word splitting, Snowball stems and stop words.

A document holds saturated term frequencies; the IDF is computed at search time over what is in the index then (and belongs to the asking
organisation), so it is never stale and never rebuilt. Formula: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and
Beyond", 2009. Of its word splitters the default is used: the multilingual one drops numbers, which are what people search for in manuals.
"""

from __future__ import annotations

import qdrant_edge as qdrant

from cluster.errors import ConfigError

# Saturation and length normalisation as in Lucene, and about how many indexed words a chunk of 1000 characters has.
BM25_K, BM25_B, BM25_WORDS = 1.2, 0.75, 100.0
# Texts in no language that is known.
AS_THEY_ARE = "none"


def keywords(language: str) -> qdrant.Bm25:
    """The words of texts in ``language``; ``none``: as they are. Accents do not count. Raises ConfigError for one it does not know."""
    plain = {"stemmer": qdrant.DisabledStemmer(), "stopwords": qdrant.StopwordsSet(custom=set())}
    chosen = plain if language == AS_THEY_ARE else {"language": language}
    try:
        return qdrant.Bm25(qdrant.Bm25Config(k=BM25_K, b=BM25_B, avg_len=BM25_WORDS, ascii_folding=True, **chosen))
    except ValueError as error:
        raise ConfigError(f"Setting vectors.keyword_language: {error}; name a language such as english or german, or none.") from None
