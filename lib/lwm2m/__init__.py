"""An LwM2M client without waiting (OMA LwM2M TS 1.1.1)."""
