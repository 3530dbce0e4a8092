//! Forms and queries: each name once.

use ambit_gateway::http::Heard;

use crate::refusal::Refusal;

/// Parameters of a request, and bytes of one.
const PARAMETERS: usize = 64;
const BYTES: usize = 64 * 1024;
/// What may come several times (RFC 8707; the boxes of the consent page; calls that are answered together).
const REPEATED: [&str; 4] = ["resource", "choose", "tasks", "texts"];

#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The body of a POST request.
    pub(crate) fn body(heard: &Heard) -> Result<Self, Refusal> {
        let media = heard
            .header("content-type")
            .ok()
            .flatten()
            .unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::request(
                "send the parameters as `application/x-www-form-urlencoded`",
            ));
        }
        Self::parse(&heard.body)
    }

    /// A query.
    pub(crate) fn query(heard: &Heard) -> Result<Self, Refusal> {
        Self::parse(heard.query.as_bytes())
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > BYTES {
            return Err(Refusal::request(format!(
                "more than {BYTES} bytes of parameters"
            )));
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(bytes) {
            let again = form.0.iter().any(|(known, _)| *known == name);
            if again && !REPEATED.contains(&&*name) {
                return Err(Refusal::request(
                    "a parameter came twice (RFC 6749, section 3.1)",
                ));
            }
            if form.0.len() == PARAMETERS {
                return Err(Refusal::request(format!(
                    "more than {PARAMETERS} parameters"
                )));
            }
            // A parameter without a value is treated as if it were omitted (RFC 6749, section 3.1).
            if !value.is_empty() {
                form.0.push((name.into_owned(), value.into_owned()));
            }
        }
        Ok(form)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// What may come several times.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// One that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| Refusal::request(format!("`{name}` is missing")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_comes_once() {
        let form = Form::parse(b"a=1&b=%20x&resource=1&resource=2&c=").unwrap();
        assert_eq!(form.get("b"), Some(" x"));
        assert_eq!(form.all("resource").count(), 2);
        assert_eq!(form.get("c"), None);
        assert!(Form::parse(b"a=1&a=2").is_err());
        assert!(Form::parse(&vec![b'a'; BYTES + 1]).is_err());
    }
}
