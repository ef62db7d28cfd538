"""One file per board: the only place that knows a pin, a bus number or an active level."""
