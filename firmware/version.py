"""The version of this copy of the firmware (/3/0/3); tools/package writes another one."""

VERSION = "0.1.0"
