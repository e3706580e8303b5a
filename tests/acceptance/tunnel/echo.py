"""Sends back what it is sent, at 127.0.0.1:PORT."""
import socket, sys, threading


def serve(connection):
    with connection:
        while part := connection.recv(1 << 16):
            connection.sendall(part)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
