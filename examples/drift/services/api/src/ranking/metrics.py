"""How good a ranking is."""


def reciprocal_rank(hits):
    """Return 1/rank of the first relevant hit, 0 where there is none."""
    for rank, hit in enumerate(hits, start=1):
        if hit.get("relevant"):
            return 1 / rank
    return 0.0
