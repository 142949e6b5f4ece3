"""A network load balancer as an instance sees it: from the balancer's network, with PROXY protocol v2."""

import json
import socket
import ssl
import subprocess
import time

BALANCER, CLIENT, INSTANCE = "10.0.1.10", "10.50.7.9", "10.0.10.7"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
# Byte by byte what a network load balancer of AWS has sent before a health check, as somebody caught it: LOCAL, a
# checksum and 74 bytes of padding, and no addresses though it names their family.
HEALTH_CHECK = SIGNATURE + bytes.fromhex("20110054 030004bce5951f 04004a") + bytes(74)


def bring_up_network():
    """In a network namespace that is empty: so that nothing is asked, nor answered, outside."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (BALANCER, INSTANCE):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)


def client_header():
    addresses = socket.inet_aton(CLIENT) + socket.inet_aton(BALANCER) + bytes.fromhex("d431 01bb")
    return SIGNATURE + bytes.fromhex("2111") + len(addresses).to_bytes(2, "big") + addresses


def connect(port, header):
    connection = socket.create_connection((INSTANCE, port), timeout=10, source_address=(BALANCER, 0))
    connection.sendall(header)
    return connection


def status_and_body(connection, request):
    connection.sendall(request)
    answer = b""
    while part := connection.recv(65536):
        answer += part
    if not answer:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def health(header):
    """The status that a health check gets, or None if it gets no answer."""
    try:
        with connect(8080, header) as connection:
            answer = status_and_body(connection, b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return answer and answer[0]
    except ConnectionError:
        return None


def lookup(certificates, header=None):
    """Status and answer; None and None for a client that is not let in."""
    context = ssl.create_default_context(cafile=certificates / "root.pem")
    context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    try:
        with connect(8443, client_header() if header is None else header) as connection, \
                context.wrap_socket(connection, server_hostname="localhost") as secured:
            request = b"GET /lookup?ip=2.121.3.4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            status, body = status_and_body(secured, request) or (None, "null")
            return status, json.loads(body)
    except (ssl.SSLError, ConnectionError):
        return None, None


def eventually(holds, seconds=10):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.2)
