"""A public price list on loopback, as AWS serves it."""

import csv
import io
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_ABOUT = [
    ["FormatVersion", "v1.0"],
    ["Disclaimer", "This pricing list is for informational purposes only, see http://aws"],
    ["Publication Date", "2026-11-03T21:14:05Z"],
    ["Version", "20261103211405"],
    ["OfferCode", "AmazonSageMaker"],
]
_COLUMNS = ["SKU", "OfferTermCode", "TermType", "PriceDescription", "Unit", "PricePerUnit"] + [
    *("Currency", "Product Family", "Region Code", "Component", "Instance Name")
]


def price_row(instance_type: str, usd: float, **changes: str) -> list[str]:
    """Return the row of a price; `changes` are by column, with ``_`` for a space."""
    values = {
        "SKU": instance_type.replace(".", "").upper(),
        "OfferTermCode": "JRTCKXETXF",
        "TermType": "OnDemand",
        "PriceDescription": f"${usd} per Hosting {instance_type} hour, in US East",
        "Unit": "Hrs",
        "PricePerUnit": f"{usd:.10f}",
        "Currency": "USD",
        "Product Family": "ML Instance",
        "Region Code": "us-east-1",
        "Component": "Hosting",
        "Instance Name": instance_type,
    }
    changed = values | {name.replace("_", " "): value for name, value in changes.items()}
    return [changed[column] for column in _COLUMNS]


class PriceListServer:
    """Serves the price lists of some regions, and counts how often.

    Parameters
    ----------
    rows : mapping
        Region -> rows, as of `price_row`.
    missing_bytes : int
        How many bytes of each answer are lost on its way.
    """

    def __init__(self, rows: Mapping[str, list[list[str]]], *, missing_bytes: int = 0) -> None:
        self.served: list[str] = []
        bodies = {
            f"/offers/v1.0/aws/AmazonSageMaker/current/{region}/index.csv": _text(listed)
            for region, listed in rows.items()
        }
        served = self.served

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.append(self.path)
                body = bodies.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write((body or b"")[: len(body or b"") - missing_bytes])

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _text(rows: list[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerows([*_ABOUT, _COLUMNS, *rows])
    return file.getvalue().encode()
