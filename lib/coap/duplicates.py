"""The memory that makes a request act once, however often it arrives (RFC 7252 section 4.5)."""

from micropython import const

_LIMIT = const(256)  # answers kept at the same time
_WHOLE_LIMIT = const(16)  # of these, answers kept byte by byte
_LIFETIME_S = const(248)  # EXCHANGE_LIFETIME (RFC 7252 section 4.8.2), and one for rounding
_PERIOD_S = const(1024)


class Duplicates:
    """Answers to requests that must not be executed again, by message id.

    Most answers are a code and nothing else (2.04, 4.05 ...): these are kept as one small
    integer. An answer with options or payload is kept whole. A full memory refuses new
    requests (5.03) and forgets nothing before its time. `now_s` is a count of seconds that
    never jumps.
    """

    def __init__(self):
        self._kept = {}  # mid: age stamp, token check and code in 26 bits
        self._whole = {}  # mid: answer as it was sent

    def __len__(self):
        return len(self._kept)

    def full(self, now_s):
        """True when nothing more can be kept; expired answers are dropped first."""
        if len(self._kept) < _LIMIT and len(self._whole) < _WHOLE_LIMIT:
            return False
        self.expire(now_s)
        return len(self._kept) >= _LIMIT or len(self._whole) >= _WHOLE_LIMIT

    def find(self, mid, token, now_s):
        """What was answered: None for a new request, else (code, bytes sent or None).

        A peer that was restarted may use a message id again with another token: that is a
        new request.
        """
        entry = self._kept.get(mid)
        if entry is None:
            return None
        if entry >> 8 & 255 != hash(token) & 255 or _age(entry, now_s) >= _LIFETIME_S:
            return None
        return entry & 255, self._whole.get(mid)

    def keep(self, mid, token, code, now_s, whole=None):
        """Keeps the answer for EXCHANGE_LIFETIME; `whole` where it is more than a code."""
        self._kept[mid] = (now_s % _PERIOD_S << 8 | hash(token) & 255) << 8 | code
        if whole is not None:
            self._whole[mid] = whole
        elif mid in self._whole:
            del self._whole[mid]

    def expire(self, now_s):
        """Drops what is older than EXCHANGE_LIFETIME; to be called at least every 500 s."""
        for mid in list(self._kept):
            if _age(self._kept[mid], now_s) >= _LIFETIME_S:
                del self._kept[mid]
                self._whole.pop(mid, None)


def _age(entry, now_s):
    return (now_s - (entry >> 16)) % _PERIOD_S
