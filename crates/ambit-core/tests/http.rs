//! Denials as HTTP responses.

use ambit_core::Reason;
use ambit_core::http::{Scheme, Told, response, response_to};
use serde_json::{Value, json};

fn denial(code: &str, remedy: &Value) -> Value {
    json!({"decision": false, "context": {
        "reason": {"code": code, "user": "Words for \"people\".", "admin": "secret detail"},
        "obligations": [], "remedy": remedy, "policies": [], "record": {"sub": "user:secret"},
    }})
}

fn told(answer: &Value, nonce: Option<&str>) -> Value {
    let request = json!({"answer": answer, "nonce": nonce});
    let text = response_to(request.to_string().as_bytes(), Scheme::Dpop);
    assert!(!text.contains("secret"), "{text}");
    serde_json::from_str(&text).unwrap()
}

fn challenge(answer: &Value, nonce: Option<&str>) -> String {
    let told = told(answer, nonce);
    told["headers"]["www-authenticate"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// RFC 6750 section 3: "values for the `error` and `error_description` attributes … MUST NOT include
/// characters outside the set %x20-21 / %x23-5B / %x5D-7E".
#[test]
fn every_reason_has_a_sound_response() {
    for reason in Reason::ALL {
        let quoted = |text: &str| {
            text.bytes()
                .all(|one| matches!(one, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        };
        assert!(quoted(reason.sentence()), "{reason}");
        let told = told(&denial(reason.code(), &json!({})), None);
        let row = reason.told();
        let (status, title) = row.status();
        assert_eq!(told["status"], status, "{reason}");
        assert_eq!(told["problem"]["title"], title, "{reason}");
        assert_eq!(told["problem"]["status"], status, "{reason}");
        assert_eq!(
            told["problem"].get("code").is_none(),
            row.is_quiet(),
            "{reason}"
        );
        assert_eq!(status >= 500, row.is_quiet(), "{reason}");
        let challenged = told["headers"].get("www-authenticate").is_some();
        // RFC 9110 section 15.5.2: a 401 "MUST send a WWW-Authenticate header field".
        assert!(challenged || status != 401, "{reason}");
        assert!(!(challenged && row.is_quiet()), "{reason}");
    }
}

/// RFC 6750 section 3.1: "If the request lacks any authentication information … the resource server
/// SHOULD NOT include an error code or other error information."
#[test]
fn no_token_is_challenged_without_an_error() {
    let said = challenge(&denial("token.missing", &json!({})), None);
    assert_eq!(said, r#"DPoP algs="Ed25519 ES256""#);
}

/// RFC 6750 section 3: "All challenges defined by this specification MUST use the auth-scheme value "Bearer"." Where
/// the policy does without proofs nobody is asked for one, unless theirs is wrong.
#[test]
fn where_no_proof_is_wanted_the_scheme_is_bearer() {
    assert_eq!(Scheme::of("off"), Scheme::Bearer);
    for wanted in ["required", "", "OFF"] {
        assert_eq!(Scheme::of(wanted), Scheme::Dpop, "{wanted}");
    }
    let said = |code: &str, possession: Option<&str>, own: Scheme| {
        let answer = denial(code, &json!({}));
        let request = json!({"answer": answer, "possession": possession}).to_string();
        let text = response_to(request.as_bytes(), own);
        if possession.is_none() {
            assert_eq!(text, response(&answer.to_string(), None, own));
        }
        let told: Value = serde_json::from_str(&text).unwrap();
        let challenge = told["headers"]["www-authenticate"].as_str();
        challenge.unwrap_or_default().to_owned()
    };
    for (possession, own) in [(None, Scheme::Bearer), (Some("off"), Scheme::Dpop)] {
        let none = said("token.missing", possession, own);
        assert_eq!(none, r#"Bearer realm="ambit""#);
        for reason in Reason::ALL {
            let said = said(reason.code(), possession, own);
            let is_of_proof = matches!(reason.told(), Told::Proof | Told::Nonce);
            let scheme = if is_of_proof {
                "DPoP algs="
            } else {
                "Bearer realm="
            };
            assert!(
                said.is_empty() || said.starts_with(scheme),
                "{reason}: {said}"
            );
        }
    }
    let expired = said("token.expired", None, Scheme::Bearer);
    assert!(
        expired.starts_with(r#"Bearer realm="ambit", error="invalid_token", error_description=""#),
        "{expired}"
    );
    assert!(said("token.expired", Some("required"), Scheme::Bearer).starts_with("DPoP "));
}

#[test]
fn each_error_is_the_one_of_its_rfc() {
    for (code, status, error) in [
        ("request.member", 400, "invalid_request"),
        ("token.expired", 401, "invalid_token"),
        ("token.audience", 401, "invalid_token"),
        ("revocation.revoked", 401, "invalid_token"),
        ("possession.missing", 401, "invalid_dpop_proof"),
        ("possession.used", 401, "invalid_dpop_proof"),
        ("login.required", 401, "insufficient_user_authentication"),
        ("capability.power", 403, "insufficient_scope"),
        ("limit.spend", 403, "insufficient_scope"),
    ] {
        let answer = denial(code, &json!({}));
        assert_eq!(told(&answer, None)["status"], status, "{code}");
        let said = challenge(&answer, None);
        let starts = format!(r#"DPoP algs="Ed25519 ES256", error="{error}", error_description=""#);
        assert!(said.starts_with(&starts), "{code}: {said}");
    }
    for code in ["policy.forbid", "manifest.none", "approval.required"] {
        assert_eq!(challenge(&denial(code, &json!({})), None), "", "{code}");
    }
}

/// RFC 9449 section 9: "Resource servers use an HTTP 401 (Unauthorized) error code with an
/// accompanying WWW-Authenticate: DPoP value and DPoP-Nonce value to accomplish this."
#[test]
fn a_nonce_is_asked_for_only_where_there_is_one() {
    let answer = denial("possession.nonce", &json!({}));
    let with = told(&answer, Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"));
    assert_eq!(with["headers"]["dpop-nonce"], "eyJ7S_zG.eyJH0-Z.HX4w-7v");
    assert!(challenge(&answer, Some("n")).contains(r#"error="use_dpop_nonce""#));
    for nonce in [
        None,
        Some(""),
        Some("a\r\nset-cookie: x"),
        Some("a\"b"),
        Some("a b"),
    ] {
        assert!(told(&answer, nonce)["headers"].get("dpop-nonce").is_none());
        assert!(challenge(&answer, nonce).contains(r#"error="invalid_dpop_proof""#));
    }
}

/// RFC 9470 section 3: `acr_values`, "a space-separated string listing the authentication context class
/// reference values in order of preference", and `max_age`, which "has to represent a non-negative integer".
#[test]
fn a_login_says_what_it_must_be() {
    let steps = json!([{"type": "step_up", "step_up": "login", "acr_values": ["urn:a", "two words", "b\"", "c"], "max_age": 300}]);
    let remedy = json!({"type": "step_up", "text": "…", "steps": steps});
    for code in ["login.required", "policy.forbid"] {
        let said = challenge(&denial(code, &remedy), None);
        assert!(
            said.contains(r#"error="insufficient_user_authentication""#),
            "{said}"
        );
        assert!(
            said.ends_with(r#", acr_values="urn:a c", max_age="300""#),
            "{said}"
        );
    }
    let bare = json!({"steps": [{"type": "step_up", "step_up": "login", "acr_values": [], "amr_values": ["mfa"]}]});
    let said = challenge(&denial("policy.forbid", &bare), None);
    assert!(said.contains("insufficient_user_authentication") && !said.contains("acr_values"));
}

/// RFC 9457 section 3.2: members of our own beside the standard ones.
#[test]
fn a_problem_says_what_people_and_programs_need() {
    let remedy = json!({"type": "step_up", "text": "…", "steps": [], "binding_s256": "AAA"});
    let told = told(&denial("approval.required", &remedy), None);
    assert_eq!(
        told["problem"],
        json!({"type": "about:blank", "title": "Forbidden", "status": 403,
            "detail": "Words for \"people\".", "code": "approval.required", "remedy": remedy})
    );
    assert_eq!(told["headers"]["content-type"], "application/problem+json");
    assert_eq!(told["headers"]["cache-control"], "no-store");
}

#[test]
fn what_is_no_denial_is_a_fault() {
    let mut allow = denial("token.expired", &json!({}));
    allow["decision"] = json!(true);
    for answer in [
        json!(null),
        json!({}),
        json!({"decision": false, "context": {}}),
        denial("allowed", &json!({})),
        denial("token.of_tomorrow", &json!({})),
        allow,
    ] {
        let told = told(&answer, None);
        assert_eq!(told["status"], 500, "{answer}");
        let bare = json!({"type": "about:blank", "title": "Internal Server Error", "status": 500});
        assert_eq!(told["problem"], bare);
    }
    assert!(Told::Fault.is_quiet() && response_to(b"no JSON", Scheme::Dpop).contains("500"));
}
