"""A Wi-Fi module on a clock that moves only when something waits, and how long each step takes."""

import os

import scratch
from access_point import AccessPoint
from helpers import FakeClock
from ism43362 import Module

from firmware import access_point
from firmware.drivers.ism43362 import ISM43362
from firmware.wifi import WiFi

BIT_NS = 100  # 10 MHz


class Clock(FakeClock):
    """In microseconds, for `sleep_us` and the time that bytes take on the bus."""

    us = 0

    def sleep_us(self, us):
        self.us += us
        self.advance(self.us // 1000)
        self.us %= 1000

    def now_us(self):
        return self.now * 1000 + self.us


class TimedSPI:
    """A bus whose bytes take their time."""

    def __init__(self, spi, clock):
        self.spi = spi
        self.clock = clock

    def write(self, data):
        self.clock.sleep_us(len(data) * 8 * BIT_NS // 1000)
        self.spi.write(data)

    def readinto(self, data, write=0):
        self.clock.sleep_us(len(data) * 8 * BIT_NS // 1000)
        self.spi.readinto(data, write)


class Radio:
    """Access point, module, driver and network interface; a context manager with a flash.

    `made` are arguments of `Module`. `run()` lets time pass as asyncio would.
    """

    def __init__(self, ssid="desk", provisioned=True, static=None, **made):
        # Made for this run, and told to no other.
        self.passphrase = "".join([chr(97 + each % 26) for each in os.urandom(12)])
        self.clock = Clock(made.pop("start_ms", 0))
        self.point = AccessPoint(ssid.encode(), self.passphrase.encode())
        self.module = module = Module(self.clock, self.point, **made)
        self.ssid = ssid
        self.provisioned = provisioned
        self.driver = ISM43362(
            TimedSPI(module.spi, self.clock), module.cs, module.drdy, module.reset, self.clock
        )
        self.wifi = WiFi(self.driver, static)
        self.longest_us = 0

    def __enter__(self):
        self.scratch = scratch.Scratch()
        path = self.scratch.__enter__()
        self.wifi.folder = path
        if self.provisioned:
            self.provision(self.passphrase)
        self.wifi.start()
        return self

    def __exit__(self, *error):
        self.module.commands.close()
        self.scratch.__exit__(*error)

    def provision(self, passphrase):
        access_point.provision(self.wifi.folder, self.ssid, passphrase)

    def step(self):
        began = self.clock.now_us()
        wait_ms = self.wifi.poll()
        self.longest_us = max(self.longest_us, self.clock.now_us() - began)
        self.clock.advance(wait_ms)

    def run(self, done, limit_ms=60000):
        """Until `done()` is true; AssertionError when that takes too long."""
        began = self.clock.ticks_ms()
        while not done():
            waited_ms = self.clock.ticks_diff(self.clock.ticks_ms(), began)
            assert waited_ms < limit_ms, self.wifi.trouble or self.module.log[-9:]
            self.step()
        return self.clock.ticks_diff(self.clock.ticks_ms(), began)

    def wait(self, ms):
        """Lets so much time pass."""
        end = self.clock.ticks_add(self.clock.ticks_ms(), ms)
        self.run(lambda: self.clock.ticks_diff(end, self.clock.ticks_ms()) <= 0, ms + 60000)

    def join(self):
        return self.run(self.wifi.isconnected)

    def link(self, host, port, local_port=0):
        """An open link."""
        link = self.wifi.udp(host, port, local_port)
        self.run(lambda: link.local_port or link.error)
        if link.error:
            link.close()
            raise link.error
        return link

    def receive(self, link):
        """The next datagram."""
        self.run(lambda: link.inbox or link.error, 5000)
        return link.recv(1280)
