"""Choose the proxy and the trusted certificates for a server, from arguments and the environment.

httpx isn't left to read the environment: it fails on entries of NO_PROXY that it can't parse, sends requests to this
machine through a proxy, and doesn't name the variable at fault.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from http.cookiejar import CookieJar
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import httpx
from attrs import frozen

from atlas_invoices._errors import ConfigError

Verify = bool | str | os.PathLike[str] | ssl.SSLContext
Proxy = str | httpx.URL | httpx.Proxy | None

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65535
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_NO_BRACKETS = str.maketrans("", "", "[]")


class NoCookies(CookieJar):
    """Keeps no cookies: Atlas sets none, and one of a proxy that isn't ASCII would break each later request."""

    def extract_cookies(self, response: object, request: object) -> None:
        pass


def connection_settings(
    url: httpx.URL,
    *,
    verify: Verify,
    proxy: Proxy,
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None,
) -> dict[str, Any]:
    """Return the arguments with which httpx's clients connect to a server, for API and token requests.

    Raises:
        ConfigError: the proxy or the certificates can't be used.
    """
    if proxy is not None:
        proxy = _parse_proxy(proxy, "proxy=")
    elif transport is None:
        proxy = find_proxy(url).proxy
    return {
        # Reading the certificates takes longer than a request to a near server; plain HTTP needs none.
        "verify": _ssl_context(verify) if url.scheme == "https" else False,
        "proxy": proxy,
        "transport": transport,
        "trust_env": False,
        "cookies": NoCookies(),
        # Credentials go only to the configured server.
        "follow_redirects": False,
    }


@frozen
class ProxyChoice:
    """The proxy to a server, or None; and the setting that decided, or an empty string."""

    proxy: httpx.Proxy | None
    source: str

    def __str__(self) -> str:
        # httpx keeps a proxy's password apart from its URL.
        shown = "none" if self.proxy is None else str(self.proxy.url)
        return f"{shown} ({self.source})" if self.source else shown


def find_proxy(url: httpx.URL) -> ProxyChoice:
    """Return the proxy that the environment names for a server, or that the system does on macOS and Windows.

    Raises:
        ConfigError: its URL is invalid.
    """
    if is_loopback(url.host):
        return ProxyChoice(None, "this machine")
    proxies = getproxies()
    scheme = url.scheme if proxies.get(url.scheme) else "all"
    if not proxies.get(scheme):
        return ProxyChoice(None, "")
    if any(_covers(entry, url) for entry in proxies.get("no", "").split(",")):
        return ProxyChoice(None, _variable_name("no"))
    found, source = proxies[scheme], _variable_name(scheme)
    return ProxyChoice(_parse_proxy(found if "://" in found else f"http://{found}", source), source)


def is_host(text: str) -> bool:
    """Whether it is a host's name without empty parts, or an IP address."""
    if _NAME.fullmatch(text) is None:
        return parse_address(text) is not None
    try:
        # As the socket module and httpx do later: a part may have 63 letters, and xn-- begins encoded ones.
        text.encode("idna")
        return bool(httpx.URL(scheme="https", host=text).host)
    except UnicodeError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a host, as in a URL but without brackets, is this machine."""
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a host is, or None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _variable_name(scheme: str) -> str:
    """Return the name of the variable that `getproxies` read: one in lower case comes first."""
    names = (name for name, value in os.environ.items() if value and name.lower() == f"{scheme}_proxy")
    return max(names, default="system settings")


def _covers(entry: str, url: httpx.URL) -> bool:
    """Whether an entry of NO_PROXY covers a server; one that can't be read covers none."""
    scheme, _, name = entry.strip().lower().rpartition("://")
    if scheme not in {"", "all", url.scheme}:
        return False
    address = parse_address(url.host)
    for text in (name, name.removesuffix(f":{url.port or DEFAULT_PORTS[url.scheme]}")):
        covered = text.translate(_NO_BRACKETS).removeprefix("*").removeprefix(".")
        if text == "*" or (covered and (url.host == covered or url.host.endswith(f".{covered}"))):
            return True
        try:
            if address is not None and address in ipaddress.ip_network(covered, strict=False):
                return True
        except ValueError:
            continue
    return False


def _parse_proxy(proxy: str | httpx.URL | httpx.Proxy, source: str) -> httpx.Proxy:
    fault = "its URL is invalid; write it as http://host:port"
    try:
        parsed = proxy if isinstance(proxy, httpx.Proxy) else httpx.Proxy(proxy)
    except (ValueError, httpx.InvalidURL):
        parsed = None
    if parsed is not None and is_host(parsed.url.raw_host.decode("ascii")) and (parsed.url.port or 0) <= MAX_PORT:
        if not parsed.url.scheme.startswith("socks") or find_spec("socksio"):
            return parsed
        fault = "SOCKS needs httpx[socks]; install it, or use a proxy with http://"
    # Without the URL: a proxy's often has a password in it.
    raise ConfigError(f"the proxy from {source} can't be used: {fault}")


def _ssl_context(verify: Verify) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
    if not isinstance(verify, bool):
        return _context_for_bundle(os.fspath(verify), "verify=")
    if verify and (file := os.environ.get("SSL_CERT_FILE")):
        return _context_for_bundle(file, "SSL_CERT_FILE=")
    if verify and (folders := os.environ.get("SSL_CERT_DIR")):
        # OpenSSL finds a certificate in a folder by the hash in its name, and says nothing if there are none.
        if not any(any(Path(folder).glob("????????.[0-9]*")) for folder in folders.split(os.pathsep)):
            raise ConfigError(
                f"no certificates in the folder SSL_CERT_DIR={folders}; unset it, or run `openssl rehash` on the "
                "folder, which gives them the names that OpenSSL looks for"
            )
        return ssl.create_default_context(capath=folders)
    return httpx.create_ssl_context(verify=verify, trust_env=False)


def _context_for_bundle(file: str, source: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        reason = error.strerror
        if isinstance(error, ssl.SSLError):
            is_empty = error.reason == "NO_CERTIFICATE_OR_CRL_FOUND"
            reason = "it has no PEM certificates" if is_empty else "a certificate in it can't be read"
        raise ConfigError(
            f"can't read a CA bundle from {source}{file}: {reason}; name a file of PEM certificates"
        ) from None
