//! `biscuit-auth`: facts and checks in the token, facts of the call and policies beside it.

use biscuit_auth::builder::AuthorizerBuilder;
use biscuit_auth::{Biscuit, KeyPair};
use serde_json::Value;

use crate::{Fallible, Row, arguments, text};

const TOKEN: &str = r#"
    right("email", "draft", "https://mail.acme.example", "customer-contact", "contract-renewal");
    content_type_allowed("text/plain");
    content_type_allowed("text/html");
    region_allowed("eu");
    check if time($now), $now < 2030-01-01T00:00:00Z;
    check if to($to), $to.ends_with("@customer.example");
    check if content_type($type), content_type_allowed($type);
    check if region($region), region_allowed($region);
"#;
const POLICY: &str = r"
    allow if action($action), power($power), location($location), datatype($type), purpose($purpose),
        right($action, $power, $location, $type, $purpose);
    deny if true;
";

pub(crate) fn rows(request: &Value) -> Fallible<[Row; 2]> {
    let issuer = KeyPair::new();
    let token = Biscuit::builder().code(TOKEN)?.build(&issuer)?;
    let (bytes, public) = (token.to_vec()?, issuer.public());
    let mut facts = String::from("time(2026-02-25T06:20:00Z);");
    for (name, pointer) in [
        ("action", "/evaluation/action/name"),
        ("power", "/evaluation/action/properties/power"),
        ("location", "/facts/location"),
        ("datatype", "/evaluation/resource/type"),
        ("purpose", "/evaluation/context/purpose"),
    ] {
        facts += &format!("{name}({:?});", text(request, pointer)?);
    }
    for (name, value) in arguments(request)? {
        facts += &format!("{name}({value:?});");
    }
    // Parsed once: a service would give it values and not text.
    let asked = AuthorizerBuilder::new().code(facts)?.code(POLICY)?;
    let decide = move |token: &Biscuit| {
        let authorizer = asked.clone().build(token);
        authorizer.is_ok_and(|mut authorizer| authorizer.authorize().is_ok())
    };
    let again = decide.clone();
    let new = move || Biscuit::from(&bytes, public).is_ok_and(|token| decide(&token));
    Ok([
        ("biscuit-auth", "new token, no proof", Box::new(new)),
        (
            "biscuit-auth",
            "token verified before, no proof",
            Box::new(move || again(&token)),
        ),
    ])
}
