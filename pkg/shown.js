// What an agent shows over HTTP.

/**
 * Token, proof and receipts from a request's headers, and what a proof is compared with. `origin` is the service's own
 * where the request came through something that names another. A header that came twice is one that nothing fits.
 */
export function shown({ headers, method, url }, origin = new URL(url).origin) {
  const [, token] = /^(?:DPoP|Bearer) +(\S.*)$/i.exec(headers.get("authorization") ?? "") ?? [];
  const proof = headers.get("dpop");
  const approvals = (headers.get("ambit-approval") ?? "").split(",").map((one) => one.trim()).filter((one) => one !== "");
  return {
    ...(token !== undefined && { token: token.trim() }),
    ...(proof !== null && { proof }),
    ...(approvals.length > 0 && { approvals }),
    facts: { method, url: origin + new URL(url).pathname },
  };
}
