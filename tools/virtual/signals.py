"""Signals as bytes on a pipe, so that one select waits for them and for everything else."""

import os
import signal


class Signals:
    """From here on TERM, INT and HUP end nothing by themselves: `fd` becomes readable."""

    def __init__(self):
        self.fd, self._wakeup = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._wakeup, False)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        self._routed = []
        # In the background of a terminal standard input must not stop the process.
        self._route(signal.SIGTTIN, signal.SIG_IGN)
        self._route(signal.SIGTERM, _pass)
        self._route(signal.SIGINT, _pass)
        # Ignored by nohup: the process shall stay when its terminal goes.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._route(signal.SIGHUP, _pass)

    def _route(self, number, handler):
        self._routed.append(number)
        signal.signal(number, handler)

    def take(self):
        """Empties the pipe; True when a signal had come."""
        try:
            return bool(os.read(self.fd, 512))
        except BlockingIOError:
            return False

    def close(self):
        """From here on the signals are ignored: a late one must not change the exit status."""
        for number in self._routed:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        os.close(self.fd)
        os.close(self._wakeup)


def _pass(_number, _frame):
    """The number goes through the wake-up pipe; only a handler of Python makes it do so."""
