"""Ends with 0 when the Pug of this container answers: by default the one that serves, else the address it is given.

A worker serves nothing but its metrics: `healthcheck.py http://127.0.0.1:9464/metrics`.
"""

import os
import ssl
import sys
from urllib.request import urlopen

_WITHIN_S = 3


def main() -> None:
    """Ask, and end with 1 and the reason when there is no good answer."""
    scheme = "https" if os.environ.get("PUG_TLS_CERTIFICATE") else "http"
    url = sys.argv[1] if sys.argv[1:] else f"{scheme}://127.0.0.1:{os.environ.get('PUG_HTTP_PORT') or 8080}/healthz"
    # The certificate names the host that clients know, not this address, and nothing is sent that anybody could read.
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    try:
        with urlopen(url, timeout=_WITHIN_S, context=unchecked):  # noqa: S310 (an address of our own)
            pass
    except OSError as error:
        sys.exit(f"{url}: {error}")


main()
