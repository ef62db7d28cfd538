"""Tells the heap in use, before and after the hardware is touched as the firmware does."""

import gc

_touched = []


def touch():
    """Loads the hardware's modules and holds what a board's start-up asks for."""
    import machine
    import network

    led = machine.Pin("PB0", machine.Pin.OUT, value=0)
    button = machine.Pin("PC13", machine.Pin.IN)
    pwm = machine.PWM(machine.Pin("PD14"), freq=50, duty_ns=1625000)
    i2c = machine.I2C(1)
    lan = network.LAN()
    lan.active(True)
    _touched.extend((led, button, pwm, i2c, lan))
    block = bytearray(4)
    for _ in range(2):
        button.value()
        led.value(1)
        i2c.writeto_mem(0x77, 0xF4, b"\x2e")
        i2c.readfrom_mem_into(0x77, 0xF4, block)
        pwm.duty_ns(1625000)
        lan.isconnected()
    machine.unique_id()


def tell():
    gc.collect()
    print("in use", gc.mem_alloc())
