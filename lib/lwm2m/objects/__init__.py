"""The objects of the LwM2M standard itself."""
