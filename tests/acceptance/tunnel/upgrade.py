"""Answers each request at port PORT as a stream that sends back what it is sent, as kubelets answer `kubectl exec`."""
import sys

PLACE = ("", int(sys.argv[1]))


def serve(connection):
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        while part := connection.recv(1 << 16):
            connection.sendall(part)
