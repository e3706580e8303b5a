# The end of each program here: has `serve` talk to all who connect to PLACE, a path or an address with a port.
import os, socket, threading

if isinstance(PLACE, str):
    if os.path.exists(PLACE):
        os.remove(PLACE)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(PLACE)
    os.chmod(PLACE, 0o666)
    listener.listen(500)
else:
    listener = socket.create_server(PLACE)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
