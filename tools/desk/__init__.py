"""The desk: LwM2M server, virtual board and a live view of both in one program.

python -m tools.desk            live view, commands typed below it
python -m tools.desk --for 15   unattended: registers, follows the temperature, moves the servo,
                                de-registers, prints what the simulated hardware saw
python -m tools.desk --secure ...  the same from a board as it leaves the factory: it has only an
                                account at a Bootstrap-Server, everything goes over DTLS-PSK

Files: state (what is known), board (the virtual board as a process), session (server and board
together), secure (the keys of a run over DTLS), commands (what the user types), view and terminal
(the screen), tour (the unattended job).
"""
