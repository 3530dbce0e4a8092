//! What a case expects of its answer, and what every answer must be.

use ambit_core::Reason;
use ambit_token::base64url;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::data::holds;

/// The code of an allow.
const ALLOWED: &str = "allowed";
/// The members of an answer's context, in their order.
const CONTEXT: [&str; 5] = ["reason", "obligations", "remedy", "policies", "record"];

/// The expectation of one case: its code, and whatever else it names.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The stable reason code, or `allowed`.
    pub code: String,
    admin: Option<String>,
    admin_contains: Option<String>,
    remedy_says: Option<String>,
    remedy: Option<Value>,
    advice: Option<Vec<Value>>,
    obligations: Option<Value>,
    record: Option<Value>,
    user_says: Option<String>,
    policies: Option<Value>,
}

impl Expect {
    /// Reads `"CODE"`, or an object with `code` and more.
    ///
    /// # Errors
    ///
    /// Names the member that is not understood, or a code that does not exist.
    pub fn read(value: &Value) -> Result<Self, String> {
        let text = |value: &Value, name| {
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("`{name}` wants a text"))
        };
        let mut expect = Self {
            code: String::new(),
            admin: None,
            admin_contains: None,
            remedy_says: None,
            remedy: None,
            advice: None,
            obligations: None,
            record: None,
            user_says: None,
            policies: None,
        };
        if let Some(code) = value.as_str() {
            code.clone_into(&mut expect.code);
        }
        for (name, value) in value.as_object().into_iter().flatten() {
            match name.as_str() {
                "code" => expect.code = text(value, name)?,
                "decision" if value.is_boolean() => {}
                "admin" => expect.admin = Some(text(value, name)?),
                "admin_contains" => expect.admin_contains = Some(text(value, name)?),
                "remedy_says" => expect.remedy_says = Some(text(value, name)?),
                "remedy" => expect.remedy = Some(value.clone()),
                "advice" => {
                    let list = value.as_array().cloned();
                    expect.advice = Some(list.ok_or("`advice` wants a list")?);
                }
                "obligations" => expect.obligations = Some(value.clone()),
                "record" => expect.record = Some(value.clone()),
                "user_says" => expect.user_says = Some(text(value, name)?),
                "policies" => expect.policies = Some(value.clone()),
                _ => return Err(format!("`expect` does not know `{name}` in this form")),
            }
        }
        let decision = value.get("decision").and_then(Value::as_bool);
        if decision.is_some_and(|decision| decision != (expect.code == ALLOWED)) {
            return Err("`decision` and `code` contradict each other".to_owned());
        }
        if expect.code != ALLOWED && sentence(&expect.code).is_none() {
            return Err(format!("there is no reason code `{}`", expect.code));
        }
        Ok(expect)
    }

    /// Compares advice with what is expected, of the request that was answered so.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub fn check_advice(&self, advice: &[u8], answer: &[u8]) -> Result<(), String> {
        let read = |bytes| serde_json::from_slice(bytes).map_err(|error| error.to_string());
        let advice: Value = read(advice)?;
        check_advice_form(&advice, &read(answer)?)?;
        let Some(wanted) = &self.advice else {
            return Ok(());
        };
        let wanted = Value::Array(wanted.clone());
        holds(&wanted, &advice["alternatives"], "alternatives")
    }

    /// Compares an answer with what is expected.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub fn check(&self, answer: &[u8], request: &[u8]) -> Result<(), String> {
        let answer: Value = serde_json::from_slice(answer)
            .map_err(|error| format!("the answer is not JSON: {error}"))?;
        check_form(&answer, request)?;
        let context = &answer["context"];
        let code = text(context, &["reason", "code"]);
        let admin = text(context, &["reason", "admin"]);
        if code != self.code {
            return Err(format!(
                "the code is {code} ({admin}), expected {}",
                self.code
            ));
        }
        let says = |part: &Option<String>, whole: &str, what: &str| match part {
            Some(part) if !whole.contains(part.as_str()) => {
                Err(format!("{what} is `{whole}`, expected to contain `{part}`"))
            }
            _ => Ok(()),
        };
        says(&self.admin_contains, admin, "`admin`")?;
        if self.admin.as_ref().is_some_and(|whole| whole != admin) {
            return Err(format!("`admin` is `{admin}`"));
        }
        let user = text(context, &["reason", "user"]);
        says(&self.user_says, user, "`user`")?;
        says(
            &self.remedy_says,
            text(context, &["remedy", "text"]),
            "the remedy's text",
        )?;
        for (wanted, member) in [
            (&self.remedy, "remedy"),
            (&self.obligations, "obligations"),
            (&self.record, "record"),
            (&self.policies, "policies"),
        ] {
            if let Some(wanted) = wanted {
                holds(wanted, &context[member], member)?;
            }
        }
        Ok(())
    }
}

/// What holds of any advice, whatever was asked: it belongs to the answer.
///
/// # Errors
///
/// What does not hold.
pub fn check_advice_form(advice: &Value, answer: &Value) -> Result<(), String> {
    let names: Vec<&String> = advice
        .as_object()
        .into_iter()
        .flat_map(|one| one.keys())
        .collect();
    if names != ["decision", "reason", "alternatives"] {
        return Err(format!("the members of advice are {names:?}"));
    }
    if advice["decision"] != answer["decision"] || advice["reason"] != answer["context"]["reason"] {
        return Err(format!("advice is not about the answer: {advice}"));
    }
    let alternatives = advice["alternatives"].as_array();
    let alternatives = alternatives.ok_or("`alternatives` is no list")?;
    if answer["decision"] == true && !alternatives.is_empty() {
        return Err("there are alternatives to an allow".to_owned());
    }
    for one in alternatives {
        let names: Vec<&String> = one
            .as_object()
            .into_iter()
            .flat_map(|one| one.keys())
            .collect();
        let steps = one["steps"].as_array().map_or(0, Vec::len);
        if names != ["judged", "text", "steps"] || steps == 0 {
            return Err(format!(
                "an alternative has `judged`, `text` and `steps`: {one}"
            ));
        }
    }
    Ok(())
}

/// What holds of every answer, whatever was asked.
///
/// # Errors
///
/// What does not hold.
pub fn check_form(answer: &Value, request: &[u8]) -> Result<(), String> {
    let names = |value: &Value| {
        value
            .as_object()
            .map(|members| members.keys().cloned().collect::<Vec<_>>())
    };
    if names(answer).as_deref() != Some(&["decision".to_owned(), "context".to_owned()]) {
        return Err(format!("an answer has `decision` and `context`: {answer}"));
    }
    let context = &answer["context"];
    if names(context) != Some(CONTEXT.map(str::to_owned).to_vec()) {
        return Err(format!("the members of `context` are {:?}", names(context)));
    }
    let code = text(context, &["reason", "code"]);
    let user = text(context, &["reason", "user"]);
    let decision = answer["decision"].as_bool();
    if decision != Some(code == ALLOWED) {
        return Err(format!("decision {decision:?} with the code {code}"));
    }
    // Behind the sentence of a guard rail stands what its author says.
    let rail = code.starts_with("policy.forbid") || code.starts_with("policy.error");
    let says = |sentence: &str| user == sentence || rail && user.starts_with(sentence);
    if code != ALLOWED && !sentence(code).is_some_and(says) {
        return Err(format!("the sentence of {code} is not `{user}`"));
    }
    if decision == Some(false) && !context["obligations"].as_array().is_some_and(Vec::is_empty) {
        return Err("a denial has obligations".to_owned());
    }
    check_record(&context["record"], code, request)
}

fn check_record(record: &Value, code: &str, request: &[u8]) -> Result<(), String> {
    let verdict = if code == ALLOWED { "allow" } else { "deny" };
    let expected = [
        ("verdict", verdict),
        ("reason", code),
        (
            "input_s256",
            &base64url::encode(&Sha256::digest(hashed(code, request))),
        ),
        ("v", "ambit-record-1"),
    ];
    for (name, value) in expected {
        if record[name] != value {
            return Err(format!(
                "the record's `{name}` is {}, expected {value}",
                record[name]
            ));
        }
    }
    // RFC 8785 form: members sorted by name, at every depth.
    if sorted(record) {
        Ok(())
    } else {
        Err(format!("the record is not in RFC 8785 form: {record}"))
    }
}

/// What `input_s256` is the digest of (docs/decision.md): the request, its token replaced by its own
/// digest where the request could be read and the token is written without escapes.
fn hashed(code: &str, request: &[u8]) -> Vec<u8> {
    let as_it_came = || request.to_vec();
    if ["request.syntax", "request.size"].contains(&code) {
        return as_it_came();
    }
    let parsed: Value = serde_json::from_slice(request).unwrap_or_default();
    let Some(token) = parsed["token"].as_str() else {
        return as_it_came();
    };
    let digest = base64url::encode(&Sha256::digest(token));
    let text = String::from_utf8_lossy(request);
    // The members of the outermost object: whatever stands behind one `{` more than `}`.
    let (mut depth, mut from) = (0, 0);
    while let Some(byte) = request.get(from) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let end = from + string_bytes(&request[from..]);
                let is_name = text[end..].trim_start().starts_with(':');
                if depth == 1 && is_name && &text[from..end] == "\"token\"" {
                    let value = end + text[end..].find('"').unwrap_or_default();
                    let same = text[value..].starts_with(&format!("\"{token}\""));
                    let (before, after) = (&text[..=value], text.get(value + 1 + token.len()..));
                    return match after.filter(|_| same) {
                        Some(after) => format!("{before}{digest}{after}").into_bytes(),
                        None => as_it_came(),
                    };
                }
                from = end;
                continue;
            }
            _ => {}
        }
        from += 1;
    }
    as_it_came()
}

/// Bytes of the JSON string at the beginning of `text`, quotes included.
fn string_bytes(text: &[u8]) -> usize {
    let mut at = 1;
    while text.get(at).is_some_and(|byte| *byte != b'"') {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn sorted(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let names: Vec<Vec<u16>> = members
                .keys()
                .map(|name| name.encode_utf16().collect())
                .collect();
            names.is_sorted() && members.values().all(sorted)
        }
        Value::Array(items) => items.iter().all(sorted),
        _ => true,
    }
}

fn sentence(code: &str) -> Option<&'static str> {
    let reason = Reason::ALL.iter().find(|reason| reason.code() == code);
    reason.map(|reason| reason.sentence())
}

fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    path.iter()
        .try_fold(value, |value, member| value.get(member))
        .and_then(Value::as_str)
        .unwrap_or_default()
}
