"""Second on the board: starts the application. Ctrl-C on the console ends it."""

from firmware import app

status = app.run()
