"""The objects of this application."""
