"""A client of some connections that keeps asking for one path, in a process of its own. Prints one line of JSON.

python load.py PORT PATH CONNECTIONS SECONDS PAUSE
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:146.0)\r\n"
    "Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-GB,en;q=0.7\r\nCookie: theme=dark\r\n\r\n"
)


def _answer(connection: socket.socket) -> str:
    """Read one whole response and return its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            raise ConnectionError("the server hung up")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return head.split(b" ", 2)[1].decode()


def _ask(port: int, path: str, until: float, pause: float, answers: list[tuple[float, str]]) -> None:
    request = REQUEST.format(path=path).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        while time.monotonic() < until:
            began = time.monotonic()
            connection.sendall(request)
            status = _answer(connection)
            answers.append((time.monotonic() - began, status))
            if pause:
                time.sleep(pause)


def main() -> None:
    """Load the server and tell how it answered."""
    port, path, connections, seconds, pause = sys.argv[1:]
    answers: list[tuple[float, str]] = []
    began = time.monotonic()
    arguments = (int(port), path, began + float(seconds), float(pause), answers)
    threads = [threading.Thread(target=_ask, args=arguments) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = [1_000 * seconds for seconds, _status in answers]
    statuses = sorted({status for _seconds, status in answers})
    sys.stdout.write(json.dumps({"seconds": time.monotonic() - began, "milliseconds": took, "statuses": statuses}))


if __name__ == "__main__":
    main()
