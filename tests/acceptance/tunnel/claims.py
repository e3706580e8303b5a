"""Says that it is Docker, and claims to publish thousands of ports. Every second something happens."""
import json, time

PLACE = "/run/test-engine.sock"
PORTS = [{"IP": "0.0.0.0", "PublicPort": port, "Type": "tcp"} for port in [*range(1000, 1010), *range(11000, 30000)]]


def serve(connection):
    with connection:
        try:
            while line := (lines := connection.makefile("rb")).readline():
                while lines.readline().strip():
                    pass
                answer(connection, line.split()[1].decode())
        except OSError:
            pass


def answer(connection, path):
    head = "HTTP/1.1 200 OK\r\nServer: Docker/1.0.0 (test)\r\nApi-Version: 1.41\r\n"
    if path.startswith("/events"):
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        while True:
            connection.sendall(b'{"Action":"exec_start: true"}\n')
            time.sleep(1)
    body = json.dumps([{"Ports": PORTS}]) if path == "/containers/json" else "OK"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
