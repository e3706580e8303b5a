"""A socket that says it is Docker, and does what the tests ask with one line: STREAM N, DIGEST, ECHO."""
import hashlib

PLACE = "/run/test-engine.sock"
PATTERN = bytes((index * 7 + index // 251) % 256 for index in range(251 * 256))


def serve(connection):
    with connection:
        try:
            answer(connection, connection.makefile("rb"))
        except OSError:
            pass


def answer(connection, lines):
    words = lines.readline().split()
    if words[0] == b"GET":
        head = b"HTTP/1.1 200 OK\r\nServer: Docker/1.0.0 (test)\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"
        connection.sendall(head)
        lines.read()
    elif words[0] == b"STREAM":
        left = int(words[1])
        while left:
            part = PATTERN[:left]
            connection.sendall(part)
            left -= len(part)
    elif words[0] == b"DIGEST":
        connection.sendall(hashlib.sha256(lines.read()).hexdigest().encode())
    elif words[0] == b"ECHO":
        while part := lines.read1():
            connection.sendall(part)
