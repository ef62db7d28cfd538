"""Shared tests that one of the two interpreters cannot run, and why: the runners print it."""

# Modules that MicroPython alone runs.
MICROPYTHON = {
    "test_accounts_cut": "needs MicroPython's own FAT, as test_storage_cut",
    "test_bootstrapping": "needs MicroPython's own asyncio (the firmware uses its queue)",
    "test_console": "needs MicroPython's own asyncio, as test_bootstrapping",
    "test_copies": "needs MicroPython's own FAT, as test_storage_cut",
    "test_dtls": "needs MicroPython's own DTLS (CPython has none)",
    "test_wifi_hours": "needs MicroPython's own asyncio, as test_outage",
    "test_trace": "needs MicroPython's own asyncio, as test_bootstrapping",
    "test_event_lines": "needs MicroPython's own asyncio and FAT, as test_outage",
    "test_ntp": "needs MicroPython's own asyncio, as test_outage",
    "test_outage": "needs MicroPython's own asyncio, whose clock can be made to jump",
    "test_settings_live": "needs MicroPython's own asyncio, as test_outage",
    "test_update_cut": "needs MicroPython's own FAT, as test_storage_cut",
    "test_storage_cut": "needs MicroPython's own FAT (test_storage cuts at file level)",
}
