"""Sends back what it is sent, at 127.0.0.1:PORT."""
import sys

PLACE = ("127.0.0.1", int(sys.argv[1]))


def serve(connection):
    with connection:
        while part := connection.recv(1 << 16):
            connection.sendall(part)
