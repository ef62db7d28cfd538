"""The application: what the board does with the LwM2M client."""

import gc
import sys

from micropython import const

# Modules whose memory is given back once they have done their work; those of this package without
# its name. One string takes less memory than a tuple.
_ONCE = const(
    " modules parts connections config account_list accounts storage status keep credentials"
    " handshake fault bootstrapping attempt ntp package update_key network_settings"
    " access_point wifi_join wifi_link line late settings look repl trace slots version"
    " confirmation update states arrival inspection signature description requirements contents"
    " slot_head update_record incoming switch install pull fetch events device written"
    " objects.connectivity objects.portfolio objects.statistics objects.diagnosis"
    " objects.event_log lwm2m.objects.device lwm2m.objects.firmware_update lwm2m.stream"
    " lwm2m.streamed lwm2m.bootstrap lwm2m.objects.security lwm2m.state lwm2m.restore"
    " objects.output objects.positioner "
)


def once(name, function, *arguments):
    """Calls a function of a module of this package that is not needed all the time.

    The memory of it, and of what it has loaded of that kind, is given back.
    """
    gc.collect()
    try:
        name = "firmware." + name
        __import__(name)
        return getattr(sys.modules[name], function)(*arguments)
    finally:
        drop(_ONCE)


def drop(names):
    """Gives back the memory of these modules, a string with a space behind each of them.

    Those of this package may be without its name, with a space before.
    """
    # Without a list of them: this is called where there is no memory for one.
    modules = sys.modules
    try:
        while True:
            for name in modules:
                if "." in name and name + " " in names:
                    break
                if name[:9] == "firmware." and " %s " % name[9:] in names:
                    break
            else:
                break
            package, _, own = name.rpartition(".")
            modules[package].__dict__.pop(own, None)
            del modules[name]
    except MemoryError:
        pass  # some other time
    gc.collect()
