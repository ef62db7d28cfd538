"""The application: what the board does with the LwM2M client."""

import gc
import sys

from micropython import const

# Modules whose memory is given back once they have done their work. One string takes less memory
# than a tuple.
_ONCE = const(
    "firmware.modules firmware.parts firmware.connections firmware.config firmware.account_list"
    " firmware.accounts firmware.storage firmware.status firmware.keep firmware.credentials"
    " firmware.handshake firmware.fault firmware.bootstrapping firmware.attempt firmware.ntp"
    " firmware.package firmware.update_key"
    " firmware.network_settings firmware.access_point firmware.wifi_join firmware.wifi_link"
    " firmware.line firmware.late firmware.settings firmware.look firmware.repl firmware.trace"
    " firmware.slots firmware.version firmware.confirmation firmware.update firmware.arrival"
    " firmware.incoming firmware.install firmware.pull firmware.fetch firmware.events firmware.inspection"
    " firmware.device firmware.written firmware.objects.connectivity firmware.objects.portfolio"
    " firmware.objects.statistics firmware.objects.diagnosis lwm2m.objects.device"
    " lwm2m.objects.event_log lwm2m.objects.firmware_update lwm2m.stream"
    " lwm2m.bootstrap lwm2m.objects.security lwm2m.state lwm2m.restore "
)


def once(name, function, *arguments):
    """Calls a function of a module of this package that is not needed all the time.

    The memory of it, and of what it has loaded of that kind, is given back.
    """
    gc.collect()
    try:
        module = getattr(__import__("firmware." + name), name)
        return getattr(module, function)(*arguments)
    finally:
        drop(_ONCE)


def drop(names):
    """Gives back the memory of these modules, a string with a space behind each of them."""
    # Without a list of them: this is called where there is no memory for one.
    modules = sys.modules
    try:
        while True:
            for name in modules:
                if "." in name and name + " " in names:
                    break
            else:
                break
            package, _, own = name.rpartition(".")
            modules[package].__dict__.pop(own, None)
            del modules[name]
    except MemoryError:
        pass  # some other time
    gc.collect()
