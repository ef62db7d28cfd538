"""Mock of `machine.mem32`: the management interface of the F429ZI's Ethernet MAC (RM0090 33.8).

Behind it the LAN8742A of the board: its Basic Status Register, whose link bit stays down until it
was read (IEEE 802.3 section 22.2.4.2.13). A MAC without its clock reads as 0.
"""

from world import world

_RCC_AHB1ENR = 0x40023830
_ETHMACEN = 1 << 25
_MACMIIAR = 0x40028010
_MACMIIDR = 0x40028014
_BUSY = 1
_ABILITIES = 0x7809
_LINK = 4
_DONE = 0x20


class Memory:
    def __init__(self):
        self._address = self._data = 0

    def _lan(self, at):
        if world.board != "nucleo_f429zi" or at not in (_RCC_AHB1ENR, _MACMIIAR, _MACMIIDR):
            raise ValueError("mem32[0x%x] is not simulated" % at)
        world.touch()
        import network

        return network.LAN()

    def __getitem__(self, at):
        lan = self._lan(at)
        if at == _RCC_AHB1ENR:
            return _ETHMACEN if lan.clocked else 0
        if not lan.clocked:
            return 0
        return self._address if at == _MACMIIAR else self._data

    def __setitem__(self, at, value):
        lan = self._lan(at)
        if at == _RCC_AHB1ENR:
            lan.clocked = bool(value & _ETHMACEN)
        elif at == _MACMIIAR and lan.clocked:
            self._address = value & ~_BUSY
            phy, register = value >> 11 & 31, value >> 6 & 31
            if phy or register != 1 or value & 2:
                raise ValueError("MACMIIAR = 0x%x: only the PHY's status is simulated" % value)
            # Beyond 2.5 MHz the PHY need not answer (IEEE 802.3 section 22.2.2.13).
            slow = value >> 2 & 7 == 4
            self._data = self._status() if slow and world.phy_answers else 0xFFFF

    def __call__(self, at, *value):
        # By the channel of a virtual board.
        return self.__setitem__(at, *value) if value else self[at]

    def _status(self):
        up = world.cable and not world.unplugged
        world.unplugged = False
        return _ABILITIES | (_LINK | _DONE if up else 0)


mem32 = Memory()
