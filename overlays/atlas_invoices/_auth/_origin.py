"""Which server a credential is for: base URLs, origins, and the rule that a credential is sent nowhere else."""

from __future__ import annotations

import re
import threading
from contextlib import suppress

import httpx
from attrs import frozen

from atlas_invoices._errors import ConfigError
from atlas_invoices._http._network import DEFAULT_PORTS, MAX_PORT, is_host, is_loopback
from atlas_invoices._utils import single_line

_API_PATH = re.compile(r"/api/atlas/v[0-9.]+/*$")


@frozen
class Origin:
    """Scheme, host and effective port; two URLs with equal origins are the same server."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


@frozen
class BaseUrl:
    """A checked base URL: an origin, and a path prefix that is empty or starts (but doesn't end) with a slash."""

    origin: Origin
    path: str = ""

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"


def origin_of(url: httpx.URL) -> Origin:
    """Return the origin of a URL as httpx would connect to it."""
    port = url.port if url.port is not None else DEFAULT_PORTS.get(url.scheme, 0)
    return Origin(scheme=url.scheme, host=url.raw_host.decode("ascii"), port=port)


def parse_base_url(text: str) -> BaseUrl:
    """Parse and check a base URL such as `https://cloud.mongodb.com`; a path prefix is kept.

    Raises:
        ConfigError: it isn't a URL with a host, isn't https (http is for a loopback address), has user info, a query,
            a fragment or an empty part in its path, or ends in the API's own path.
    """
    if "@" in text:
        # The URL isn't shown: it probably contains a password.
        raise ConfigError("the base URL must not contain user info (name:password@)")
    shown = single_line(text)
    if not text or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ConfigError(f"the base URL {shown!r} must be plain ASCII, without spaces; write it as https://host")
    if "?" in text or "#" in text:
        raise ConfigError(f"the base URL {shown!r} must end before any '?' or '#'; write it as https://host")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ConfigError(f"the base URL {shown!r} isn't a URL; write it as https://host") from None
    if url.scheme not in DEFAULT_PORTS or not url.raw_host:
        raise ConfigError(f"the base URL {shown!r} needs a scheme and a host; write it as https://host")
    origin = origin_of(url)
    # httpx accepts these, and fails later with an error that doesn't name the base URL.
    if not is_host(origin.host) or not 0 < origin.port <= MAX_PORT:
        raise ConfigError(f"the base URL {shown!r} has an invalid host or port; write it as https://host:port")
    require_https(origin, "the base URL")
    path = url.raw_path.decode("ascii")
    if api_path := _API_PATH.search(path):
        better = BaseUrl(origin, path[: api_path.start()].rstrip("/"))
        raise ConfigError(f"the base URL {shown!r} must end before {api_path[0].rstrip('/')}; write it as {better}")
    if "//" in path:
        better = BaseUrl(origin, re.sub("/+", "/", path).rstrip("/"))
        raise ConfigError(f"the base URL {shown!r} has an empty part in its path (//); write it as {better}")
    return BaseUrl(origin=origin, path=path.rstrip("/"))


# Hosts that may be reached without TLS, which only --insecure-http adds.
_insecure_hosts: set[str] = set()


def allow_http(url: str) -> None:
    """Accept http for a URL's host in this process: for a sandbox in another container, and nothing else."""
    with suppress(httpx.InvalidURL):
        _insecure_hosts.add(httpx.URL(url).host)


def require_https(origin: Origin, what: str) -> None:
    """Raise ConfigError unless the origin is https, or http on a loopback address; `what` begins the message."""
    if origin.scheme == "https" or (
        origin.scheme == "http" and (is_loopback(origin.host) or origin.host in _insecure_hosts)
    ):
        return
    raise ConfigError(
        f"{what} must be https, not {single_line(origin)}: credentials would be sent unencrypted"
        " (http is accepted for localhost, 127.0.0.0/8 and ::1)"
    )


class Binding:
    """The one server a credential is for; thread-safe.

    Set by the credential's own base URL, else by a client's, else by the first request.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base: BaseUrl | None = None
        self._explicit = False

    @property
    def base_url(self) -> BaseUrl | None:
        """The server, or None while unbound."""
        return self._base

    def bind(self, base_url: BaseUrl) -> BaseUrl:
        """Bind to a base URL, and return the first one given, whose path prefix counts.

        Raises:
            ConfigError: it is bound to another origin.
        """
        with self._lock:
            self._require_same(base_url.origin)
            if self._base is None or not self._explicit:
                self._base, self._explicit = base_url, True
            return self._base

    def check(self, url: httpx.URL) -> BaseUrl:
        """Return the base URL for a request to `url`; the first request binds to its origin.

        Raises:
            ConfigError: the request is for another origin, or is the first and not https. Nothing was sent.
        """
        origin = origin_of(url)
        base = self._base
        if base is not None and base.origin == origin:
            return base
        with self._lock:
            self._require_same(origin)
            if self._base is None:
                require_https(origin, "the request's URL")
                self._base = BaseUrl(origin)
            return self._base

    def covers(self, response: httpx.Response) -> bool:
        """Whether the response is from the bound origin: a client that follows redirects may end up elsewhere."""
        base = self._base
        return base is not None and origin_of(response.url) == base.origin

    def _require_same(self, origin: Origin) -> None:
        if self._base is not None and self._base.origin != origin:
            raise ConfigError(
                f"these credentials are for {self._base.origin} and are never sent to {single_line(origin)};"
                " create another auth object for that server"
            )
