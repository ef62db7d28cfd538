"""The memory that makes a request act once, however often it arrives (RFC 7252 section 4.5)."""

from micropython import const

_BLOCKS = const(8)
_BLOCK = const(32)  # answers in a block; a full heap has room for a small piece at most
_WHOLE_LIMIT = const(16)  # answers kept byte by byte
_LIFETIME_S = const(248)  # EXCHANGE_LIFETIME (RFC 7252 section 4.8.2), and one for rounding
_PERIOD_S = const(1024)
_SWEEP_S = const(300)  # between looks for answers that are kept no longer


class Duplicates:
    """Answers to requests that must not be executed again, by message id: 256 of them.

    Most answers are a code and nothing else (2.04, 4.05 ...): these are kept as one small
    integer. An answer with options or payload is kept whole. A full memory refuses new
    requests (5.03) and forgets nothing before its time. `now_s` is a count of seconds that
    never jumps.
    """

    def __init__(self):
        # Of each block: message ids (-1 where there is none), and the age stamp, token check
        # and code of each in 26 bits. Nothing is allocated to keep one more.
        self._blocks = []
        self._free = 0
        self._whole = {}  # mid: answer as it was sent

    def __len__(self):
        return len(self._blocks) * _BLOCK - self._free

    def full(self, now_s):
        """True when nothing more can be kept, also for lack of heap; to be asked before a
        request is executed. Expired answers are dropped first.
        """
        if not self._free or len(self._whole) >= _WHOLE_LIMIT:
            self.expire(now_s)
        if not self._free and len(self._blocks) < _BLOCKS:
            try:
                self._blocks.append(([-1] * _BLOCK, [0] * _BLOCK))
                self._free = _BLOCK
            except MemoryError:
                pass
        return not self._free or len(self._whole) >= _WHOLE_LIMIT

    def find(self, mid, token, now_s):
        """What was answered: None for a new request, else (code, bytes sent or None).

        A peer that was restarted may use a message id again with another token: that is a
        new request.
        """
        for mids, entries in self._blocks:
            if mid in mids:
                entry = entries[mids.index(mid)]
                if entry >> 8 & 255 == hash(token) & 255 and _age(entry, now_s) < _LIFETIME_S:
                    return entry & 255, self._whole.get(mid)
        return None

    def keep(self, mid, token, code, now_s, whole=None):
        """Keeps the answer for EXCHANGE_LIFETIME; `whole` where it is more than a code.

        Only where `full()` has just been False.
        """
        self._drop(mid)
        for mids, entries in self._blocks:
            if -1 in mids:
                at = mids.index(-1)
                mids[at] = mid
                entries[at] = (now_s % _PERIOD_S << 8 | hash(token) & 255) << 8 | code
                self._free -= 1
                break
        if whole is not None:
            self._whole[mid] = whole

    def expire(self, now_s):
        """Drops what is older than EXCHANGE_LIFETIME; to be called again at `due_s`.

        A period lasts 1024 s: not to be put off for longer than 500 s.
        """
        self.due_s = now_s + _SWEEP_S
        for mids, entries in self._blocks:
            for at in range(_BLOCK):
                if mids[at] >= 0 and _age(entries[at], now_s) >= _LIFETIME_S:
                    self._drop(mids[at])

    def _drop(self, mid):
        self._whole.pop(mid, None)
        for mids, _ in self._blocks:
            if mid in mids:
                mids[mids.index(mid)] = -1
                self._free += 1


def _age(entry, now_s):
    return (now_s - (entry >> 16)) % _PERIOD_S
