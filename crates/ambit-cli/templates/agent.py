"""An agent that asks the broker for one capability, and has its person asked: `pip install cryptography`, then

    python3 agent.py

It pushes what it needs (PAR, RAR, PKCE, DPoP, private_key_jwt), opens a browser where the person reads it, and exchanges
the code that comes back for a token bound to a key that nobody else has. docs/broker.md, section 2, describes each step.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:
    sys.exit("this needs `cryptography`: pip install cryptography")

BROKER = "{{issuer}}"
CLIENT = "https://agents.example/assistant/1"
BACK = "http://127.0.0.1:8283/back"

# To prepare mail to customers, and nothing else; more than agents/assistant.toml allows is refused by name.
CAPABILITIES = [
    {
        "type": "ambit_capability",
        "actions": ["email"],
        "privileges": ["draft"],
        "datatypes": ["Contact"],
        "purpose": "customer-care",
        "constraints": {
            "to": {"constraint_type": "email_domain", "values": ["customer.example"]},
            "subject": {"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}},
        },
    }
]


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def s256(text: str) -> str:
    return base64url(hashlib.sha256(text.encode()).digest())


def jws(key: Ed25519PrivateKey, header: dict, claims: dict) -> str:
    parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "Ed25519"} | header, claims)]
    return ".".join([*parts, base64url(key.sign(".".join(parts).encode()))])


class Agent:
    def __init__(self, key: Path):
        secret = base64.urlsafe_b64decode(json.loads(key.read_text())["d"] + "==")
        self.key = Ed25519PrivateKey.from_private_bytes(secret)
        # The key that will hold the token lives as long as this process.
        self.holder = Ed25519PrivateKey.generate()
        self.nonce: str | None = None

    def assertion(self) -> str:
        """Who asks."""
        now = int(time.time())
        claims = {"iss": CLIENT, "sub": CLIENT, "aud": BROKER, "jti": secrets.token_urlsafe(), "iat": now, "exp": now + 60}
        return jws(self.key, {"typ": "client-authentication+jwt"}, claims)

    def proof(self, url: str) -> str:
        """Which key will hold the token."""
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(self.holder.public_key().public_bytes_raw())}
        claims = {"jti": secrets.token_urlsafe(), "htm": "POST", "htu": url, "iat": int(time.time())}
        if self.nonce:
            claims["nonce"] = self.nonce
        return jws(self.holder, {"typ": "dpop+jwt", "jwk": jwk}, claims)

    def post(self, path: str, **form: str) -> dict:
        """Sends a form; once more where the broker only wanted its nonce in the proof."""
        url = BROKER + path
        for _ in range(2):
            signed = {
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": self.assertion(),
            }
            data = urllib.parse.urlencode(form | signed).encode()
            request = urllib.request.Request(url, data, {"DPoP": self.proof(url)})
            try:
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                self.nonce = error.headers.get("DPoP-Nonce", self.nonce)
                try:
                    body = json.load(error)
                except ValueError:
                    sys.exit(f"{url} answers {error.code}, and not as a broker does")
                if body.get("error") != "use_dpop_nonce":
                    break
            except urllib.error.URLError as error:
                sys.exit(f"the broker does not answer at {BROKER}: {error.reason}; `ambit serve broker.toml …` starts it")
        sys.exit(f"refused: {body.get('error_description', body)} [{body.get('ambit_code')}]")

    def token(self) -> str:
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe()
        pushed = self.post(
            "/par",
            client_id=CLIENT,
            response_type="code",
            redirect_uri=BACK,
            state=state,
            code_challenge=s256(verifier),
            code_challenge_method="S256",
            authorization_details=json.dumps(CAPABILITIES),
        )
        query = urllib.parse.urlencode({"client_id": CLIENT, "request_uri": pushed["request_uri"]})
        back = ask(f"{BROKER}/authorize?{query}", state)
        if back.get("iss") != BROKER or "code" not in back:
            sys.exit(f"nothing was allowed: {back.get('error')}")
        form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": BACK, "code_verifier": verifier}
        return self.post("/token", **form)["access_token"]


def ask(url: str, state: str) -> dict[str, str]:
    """Sends the person's browser there, and waits for what it brings back. What answers another question is passed over."""
    back: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for whoever connects and says nothing

        def do_GET(self) -> None:
            asked = urllib.parse.urlsplit(self.path)
            said = dict(urllib.parse.parse_qsl(asked.query))
            fits = asked.path == urllib.parse.urlsplit(BACK).path and said.get("state") == state
            if fits:
                back.update(said)
            self.send_response(200 if fits else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            if fits:
                self.wfile.write(b"<!doctype html><title>Thank you</title><p>Thank you. The agent goes on.")

        def log_message(self, *_: object) -> None:
            pass

    port = urllib.parse.urlsplit(BACK).port
    try:
        server = HTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        sys.exit(f"127.0.0.1:{port}, to which answers come, cannot be used: {error.strerror}")
    with server:
        print(f"asking in a browser: {url}", flush=True)
        webbrowser.open(url)
        while not back:
            server.handle_request()
    return back


def main() -> None:
    folder = Path(__file__).parent
    token = Agent(folder / "keys/client.jwk").token()
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    until = time.strftime("%H:%M:%S", time.localtime(claims["exp"]))
    print(f"I may act for {claims['sub']} until {until}:")
    for entry in claims["authorization_details"]:
        print(f"  {', '.join(entry['privileges'])} {', '.join(entry['actions'])} ({entry['purpose']})")
    # To look at; without the holder's key, which is in this process alone, it opens nothing.
    with open(folder / "token.jwt", "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(token)
    print("ambit inspect token.jwt shows it")


if __name__ == "__main__":
    main()
