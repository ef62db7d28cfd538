"""The application: what the board does with the LwM2M client."""
