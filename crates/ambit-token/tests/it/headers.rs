//! docs/token.md's step 2: headers, keys, roles.

use ambit_core::Reason;
use ambit_core::limits::Limits;
use ambit_token::UnverifiedToken;
use serde_json::Value;

use crate::making::*;

#[test]
fn headers_have_three_members_and_the_algorithm_of_the_key() {
    use Reason::*;
    let claims = root_claims().to_string();
    let cases = [
        ("", TokenJson),
        ("[]", TokenJson),
        ("{", TokenJson),
        (r#"{"alg":1.5}"#, TokenFloat),
        (
            r#"{"alg":"Ed25519","typ":"cap+jwt","kid":"broker-1","kid":"broker-1"}"#,
            TokenDuplicateMember,
        ),
        (
            r#"{"alg":"Ed25519","typ":"cap+jwt","kid":"broker-1","x":1}"#,
            TokenHeaderMember,
        ),
        (
            r#"{"alg":"none","typ":"JWT","kid":"nobody","jku":"u"}"#,
            TokenHeaderMember,
        ),
        (r#"{"typ":"cap+jwt","kid":"broker-1"}"#, TokenAlg),
        (
            r#"{"alg":"EdDSA","typ":"cap+jwt","kid":"broker-1"}"#,
            TokenAlg,
        ),
        (
            r#"{"alg":"EdDSA","typ":"cap+jwt","kid":"nobody"}"#,
            TokenAlg,
        ),
        (
            r#"{"alg":"ed25519","typ":"cap+jwt","kid":"broker-1"}"#,
            TokenAlg,
        ),
        (
            r#"{"alg":["Ed25519"],"typ":"cap+jwt","kid":"broker-1"}"#,
            TokenAlg,
        ),
        (r#"{"alg":"ES256","typ":"JWT","kid":"nobody"}"#, TokenAlg),
    ];
    for (header, reason) in cases {
        refused(&block_of(header, &claims, BROKER), reason, 0);
    }
}

#[test]
fn headers_name_type_and_key() {
    use Reason::*;
    let claims = root_claims().to_string();
    let cases = [
        (r#"{"alg":"Ed25519","kid":"broker-1"}"#, TokenTyp),
        (
            r#"{"alg":"Ed25519","typ":"CAP+JWT","kid":"broker-1"}"#,
            TokenTyp,
        ),
        (
            r#"{"alg":"Ed25519","typ":"application/cap+jwt","kid":"broker-1"}"#,
            TokenTyp,
        ),
        (r#"{"alg":"Ed25519","typ":"JWT","kid":"nobody"}"#, TokenTyp),
        (
            r#"{"alg":"Ed25519","typ":"cap+jwt","kid":"nobody"}"#,
            TokenUnknownKey,
        ),
        (
            r#"{"alg":"Ed25519","typ":"cap+jwt","kid":""}"#,
            TokenUnknownKey,
        ),
        (
            r#"{"alg":"Ed25519","typ":"cap+jwt","kid":7}"#,
            TokenUnknownKey,
        ),
        (r#"{"alg":"Ed25519","typ":"cap+jwt"}"#, TokenUnknownKey),
    ];
    for (header, reason) in cases {
        refused(&block_of(header, &claims, BROKER), reason, 0);
    }
}

#[test]
fn headers_of_derived_blocks() {
    use Reason::*;
    let parent = chain(0);
    let claims = derived_claims(&parent, HOLDER, 1).to_string();
    let derived = [
        (ROOT_HEADER, TokenHeaderMember),
        (r#"{"alg":"EdDSA","typ":"cap+jwt"}"#, TokenAlg),
        (r#"{"alg":"Ed25519","typ":"dpop+jwt"}"#, TokenTyp),
    ];
    for (header, reason) in derived {
        refused(
            &format!("{parent}~{}", block_of(header, &claims, HOLDER)),
            reason,
            1,
        );
    }
}

#[test]
fn keys_and_their_roles() {
    use Reason::*;
    let chain = chain(1);
    let with = |change: fn(&mut Key)| {
        let mut key = Key::broker();
        change(&mut key);
        Trust(vec![key])
    };
    refused_by(&chain, &Trust(vec![]), TokenUnknownKey, 0);
    refused_by(
        &chain,
        &with(|key| key.signs = "approval-receipt+jwt"),
        KeyRole,
        0,
    );
    refused_by(
        &chain,
        &with(|key| key.iss = Some("https://other.example")),
        TokenUnknownKey,
        0,
    );
    refused_by(&chain, &with(|key| key.eddsa = true), TokenAlg, 0);
    refused_by(&chain, &with(|key| key.seed = STRANGER), TokenSignature, 0);
    verify_at(&chain, &with(|key| key.iss = None), NOW, None).unwrap();
    // Several keys of one `kid`: of other issuers, of other roles, the right one last.
    let mut keys = with(|key| key.iss = Some("https://other.example")).0;
    keys.extend(with(|key| key.signs = "other+jwt").0);
    keys.extend(with(|key| key.seed = STRANGER).0);
    refused_by(&chain, &Trust(keys.clone()), TokenUnknownKey, 0);
    keys.push(Key::broker());
    verify_at(&chain, &Trust(keys), NOW, None).unwrap();
}

#[test]
fn the_old_name_of_the_algorithm_only_where_configured() {
    let header = r#"{"alg":"EdDSA","typ":"cap+jwt","kid":"broker-1"}"#;
    let chain = block_of(header, &root_claims().to_string(), BROKER);
    let mut key = Key::broker();
    key.eddsa = true;
    verify_at(&chain, &Trust(vec![key]), NOW, None).unwrap();
}

#[test]
fn roles_bind_tenant_audience_and_agent() {
    let limits = Limits::default();
    let allows = |lists: [&'static str; 3], claims: &Value, audience: &str| {
        let mut key = Key::broker();
        key.lists = lists.map(|text| if text.is_empty() { None } else { list(text) });
        let (chain, trust) = (root(claims), Trust(vec![key]));
        let token = UnverifiedToken::parse(&chain, &limits).unwrap();
        let token = token.verify(&trust, NOW, &limits, None).unwrap();
        token.role_allows(audience, None, &[])
    };
    let acme = root_claims();
    let none = with(acme.clone(), "tenant", Value::Null);
    assert!(allows(["", "", ""], &none, "a"));
    assert!(allows(
        [r#"["acme"]"#, r#"["a","b"]"#, r#"["renewal-bot"]"#],
        &acme,
        "b"
    ));
    assert!(
        !allows([r#"["acme"]"#, "", ""], &none, "a"),
        "no tenant is not any tenant"
    );
    assert!(!allows([r#"["other"]"#, "", ""], &acme, "a"));
    assert!(!allows(["", r#"["b"]"#, ""], &acme, "a"));
    assert!(!allows(["", "", r#"["other"]"#], &acme, "a"));
}
