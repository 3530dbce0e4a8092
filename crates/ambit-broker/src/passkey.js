// The one script of the broker: it asks the browser for a passkey and fills the form with the answer.
"use strict";
const form = document.querySelector("form[data-passkey]");
const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const show = (id) => { document.getElementById(id).hidden = false; };
const fill = (values) => {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = text(value);
};

async function ask() {
  const { passkey, challenge, rp, user, name } = form.dataset;
  if (passkey === "get") {
    const made = await navigator.credentials.get({
      publicKey: { challenge: bytes(challenge), rpId: rp, userVerification: "required" },
    });
    const { authenticatorData, clientDataJSON, signature } = made.response;
    fill({
      credential: made.rawId, authenticator_data: authenticatorData,
      client_data: clientDataJSON, signature,
    });
    return;
  }
  const made = await navigator.credentials.create({
    publicKey: {
      challenge: bytes(challenge),
      rp: { id: rp, name: rp },
      user: { id: bytes(user), name, displayName: name },
      pubKeyCredParams: [{ type: "public-key", alg: -8 }, { type: "public-key", alg: -7 }],
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      attestation: "none",
    },
  });
  fill({
    authenticator_data: made.response.getAuthenticatorData(),
    client_data: made.response.clientDataJSON,
  });
}

if (!window.PublicKeyCredential) show("unable");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await ask();
  } catch {
    show("failed");
    return;
  }
  form.submit();
});
