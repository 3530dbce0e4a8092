//! Token chains: verification (docs/token.md, section 6), audience and entry matching (step 6).

use alloc::format;
use alloc::string::{String, ToString as _};

use ambit_core::capability::{Ask, Place, select};
use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_core::limits::Limits;
use ambit_core::{Power, Steps};
use ambit_token::{
    Bounds, ChainCache, IssuerKey, Keys, ProofOf, PublicKey, TokenError, UnverifiedToken,
    VerifiedProof, VerifiedToken,
};

/// Writes `{"chain": "ok", "decision"?, "why"?}` or `{"chain": "reject", "error", "block"}`.
pub(crate) fn run(trust: &[u8], chain: &str, now: i64, request: Option<&[u8]>, out: &mut Writer) {
    let Ok(trust) = Document::parse(trust, Profile::Request) else {
        return fault("`trust` is not JSON", out);
    };
    let limits = Limits::default();
    let keys = Trust(trust.root());
    let unverified = match UnverifiedToken::parse(chain, &limits) {
        Ok(unverified) => unverified,
        Err(error) => return rejected(&error, out),
    };
    let token = match unverified.verify(&keys, now, &limits, None) {
        Ok(token) => token,
        Err(error) => return rejected(&error, out),
    };
    let why = request.map(|request| decide(&token, request));
    out.object(|out| {
        out.name("chain").string("ok");
        if let Some(why) = why {
            out.name("decision").boolean(why.is_none());
            if let Some(why) = why {
                out.name("why").string(&why);
            }
        }
    });
}

/// Writes `{"valid": bool, "error"?}`: whether the holder of `chain` made this proof.
pub(crate) fn prove(
    proof: &str,
    holder: &[u8],
    (chain, method, url, now): (&str, &str, &str, i64),
    out: &mut Writer,
) {
    let jwk = Document::parse(holder, Profile::Signed).ok();
    let holder = jwk.and_then(|jwk| PublicKey::from_jwk(jwk.root()));
    let Some(holder) = holder else {
        return fault("`holder` is no public key", out);
    };
    let cache = ChainCache::new();
    let verified = VerifiedProof::verify(
        proof,
        &ProofOf {
            chain_s256: &cache.s256(chain),
            holder: &holder,
            method,
            url,
            nonce: None,
            now,
            tables: cache.keys(),
        },
    );
    out.object(|out| {
        out.name("valid").boolean(verified.is_ok());
        if let Err(error) = &verified {
            out.name("error").string(error.reason.code());
        }
    });
}

fn rejected(error: &TokenError, out: &mut Writer) {
    out.object(|out| {
        out.name("chain").string("reject");
        out.name("error").string(error.reason.code());
        out.name("block")
            .integer(i64::try_from(error.block).unwrap_or(-1));
    });
}

fn fault(what: &str, out: &mut Writer) {
    out.object(|out| {
        out.name("fault").string(what);
    });
}

/// `None`: every block grants the request. Else what is in the way.
fn decide(token: &VerifiedToken<'_>, request: &[u8]) -> Option<String> {
    let document = match Document::parse(request, Profile::Request) {
        Ok(document) => document,
        Err(error) => return Some(format!("request: {error}")),
    };
    let request = document.root();
    let text = |name: &str| request.get(name).and_then(Json::as_str);
    let unknown = request
        .members()
        .find(|(name, _)| !MEMBERS.contains(name))
        .map(|(name, _)| format!("request: member `{name}` is not known"));
    if unknown.is_some() {
        return unknown;
    }
    if !text("aud").is_some_and(|aud| token.audience_allowed(aud)) {
        return Some("aud".to_string());
    }
    // Every root entry names actions, powers and a purpose, so it matches no request without them;
    // a power that nobody knows is in no entry.
    let power = text("privilege").and_then(Power::from_name);
    let (Some(action), Some(power), Some(purpose)) = (text("action"), power, text("purpose"))
    else {
        return Some(no_entry(0));
    };
    let none = Document::parse(b"{}", Profile::Request).ok();
    let Some(args) = request
        .get("args")
        .or_else(|| none.as_ref().map(Document::root))
    else {
        return Some(no_entry(0));
    };
    let ask = Ask {
        action,
        power,
        approved: false,
        location: text("location"),
        datatype: text("datatype"),
        identifier: text("identifier"),
        purpose,
        args,
        now: 0,
        utc_offsets: None,
        // These vectors come without a schema.
        declared: &ambit_core::constraint::Undescribed,
    };
    let steps = Steps::new();
    (0..token.blocks().len())
        .find(|block| {
            let place = if *block == 0 {
                Place::Root
            } else {
                Place::Derived
            };
            select(token.entries(*block).enumerate(), place, &ask, &steps).is_err()
        })
        .map(no_entry)
}

const MEMBERS: [&str; 8] = [
    "aud",
    "action",
    "privilege",
    "location",
    "datatype",
    "identifier",
    "purpose",
    "args",
];

fn no_entry(block: usize) -> String {
    format!("no_matching_entry_block_{block}")
}

/// The vectors' trust: `{kid: jwk}`.
struct Trust<'a>(Json<'a>);

impl Keys for Trust<'_> {
    fn by_kid<'k>(&'k self, kid: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        for (name, jwk) in self.0.members().filter(|(name, _)| *name == kid) {
            let Some(public) = PublicKey::from_jwk(jwk) else {
                continue;
            };
            let key = IssuerKey {
                iss: None,
                kid: name,
                eddsa_name: false,
                public,
                signs: "cap+jwt",
                webauthn: None,
                only: Bounds::default(),
            };
            if visit(key) {
                return;
            }
        }
    }
}
