//! The token endpoint: a code becomes one token, bound to the key that asked.

use ambit_gateway::http::{Heard, Reply};
use ambit_token::base64url;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::ask;
use crate::broker::Broker;
use crate::client;
use crate::config::Client;
use crate::exchange;
use crate::form::Form;
use crate::grant::{self, Agreed};
use crate::operate;
use crate::proof;
use crate::push::once_each;
use crate::rate::Who;
use crate::refusal::Refusal;
use crate::revoke;
use crate::secret::digest;
use crate::store::{Once, texts, use_once};

pub(crate) const PATH: &str = "/token";

/// What was granted for a code.
struct Granted {
    client: String,
    sub: String,
    agreed: Agreed,
    receipt: String,
    until: i64,
    token: Option<String>,
}

impl Broker {
    /// `POST /token`
    pub(crate) fn token(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let known = client::authenticate(&form, &self.config, now)?;
        let proved = proof::check(heard, &self.url(PATH), &self.own, now)?;
        self.rates.take(&Who::Client(&known.client.id))?;
        let jkt = proved.key.thumbprint();
        let kind = form.get("grant_type");
        let exchange = match kind {
            Some(exchange::GRANT) => Some(self.read_exchange(known.client, &form, now)),
            _ => None,
        };
        // What is refused here has used up its assertion and proof, and nothing else.
        let token = self.store.step(|tables| {
            let fresh = once_each(tables, &known.once, &proved.once)?;
            match fresh {
                Err(refusal) => Ok(Err(refusal)),
                Ok(()) => match exchange {
                    Some(Ok(exchange)) => self.again(tables, known.client, &exchange, &jkt, now),
                    // A fault of ours takes the uses back as well.
                    Some(Err(refusal)) if refusal.own => Err(refusal),
                    Some(Err(refusal)) => Ok(Err(refusal)),
                    None => self.exchange(tables, known.client, &form, &jkt, now),
                },
            }
        })??;
        let reply = Reply::json(200, token.to_string()).with("pragma", "no-cache");
        Ok(reply.with("dpop-nonce", proof::nonce(&self.own, now)))
    }

    /// The outer error takes everything back, the inner one is an answer.
    fn exchange(
        &self,
        tables: &Transaction<'_>,
        client: &Client,
        form: &Form,
        jkt: &str,
        now: i64,
    ) -> Result<Result<Value, Refusal>, Refusal> {
        let code = match code(form) {
            Ok(code) => digest(code),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let granted = find(tables, &code)?.filter(|granted| granted.client == client.id);
        let Some(granted) = granted else {
            let detail = "nobody gave this client such a code";
            return Ok(Err(Refusal::grant("broker.code", detail)));
        };
        if granted.token.is_some() {
            let sql = "UPDATE granted SET again = NULL WHERE code = ?1";
            tables.execute(sql, [&code])?;
            // Whoever used it first may not be whom it was for (RFC 6749, section 4.1.2).
            let sql = "SELECT jti FROM token WHERE source = ?1";
            for jti in texts(tables, sql, [&code])? {
                if revoke::revoke(tables, &jti, now)? {
                    let facts = json!({"client": client.id, "sub": granted.sub, "jti": jti, "why": "the code came twice"});
                    self.log.write("revocation", true, &facts)?;
                }
            }
            let detail = "the code was used before: what came of it is revoked";
            return Ok(Err(Refusal::grant("broker.code_used", detail)));
        }
        if let Err(refusal) = check(&granted, form, jkt, now) {
            return Ok(Err(refusal));
        }
        let minted = self.mint(tables, &code, &granted, now);
        match minted {
            // Nothing was written: the policy has changed, or the receipt ended.
            Err(refusal) if !refusal.own => Ok(Err(refusal.told_as("invalid_grant"))),
            minted => minted.map(Ok),
        }
    }

    /// Mints the token and remembers that it did. A refusal that is not our own comes before the first write.
    fn mint(
        &self,
        tables: &Transaction<'_>,
        code: &str,
        granted: &Granted,
        now: i64,
    ) -> Result<Value, Refusal> {
        let who = (granted.client.as_str(), granted.sub.as_str(), code);
        let (answer, jti) = self.sign(tables, who, &granted.agreed, &granted.receipt, now)?;
        let sql = "UPDATE granted SET token = ?1, receipt = '' WHERE code = ?2 AND token IS NULL";
        if tables.execute(sql, params![jti, code])? != 1 {
            return Err(Refusal::own("broker.store", "the grant has gone"));
        }
        Ok(answer)
    }

    /// Signs the token that somebody agreed to, once, and remembers it, and of which code it came: what the client is
    /// answered, and its name.
    pub(crate) fn sign(
        &self,
        tables: &Transaction<'_>,
        (client, sub, code): (&str, &str, &str),
        agreed: &Agreed,
        receipt: &String,
        now: i64,
    ) -> Result<(Value, String), Refusal> {
        let receipts = std::slice::from_ref(receipt);
        let (chain, claims) = self.policy(|bundle| {
            grant::draft(self, bundle, agreed, receipts, now, |draft| {
                let mut uses = Vec::new();
                let chain = draft.sign_once(|used| {
                    uses.extend_from_slice(used);
                    Ok(())
                })?;
                for one in &uses {
                    let once = Once {
                        key: one.key.clone(),
                        until: one.until,
                    };
                    if !use_once(tables, &once)? {
                        // Another code for one grant: taken back as a whole.
                        let detail = "a grant or a receipt was used for another token";
                        return Err(Refusal::own("approval.used", detail));
                    }
                }
                Ok((chain, ask::value(&draft.claims())?))
            })
        })?;
        let (exp, jti) = (
            claims["exp"].as_i64().unwrap_or_default(),
            claims["jti"].as_str(),
        );
        let jti = jti.unwrap_or_default();
        tables.execute(
            "INSERT INTO token (jti, input, whole, client, sub, exp, about, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![jti, revoke::input(&chain), digest(&chain), client, sub, exp, operate::about(&claims).to_string(), code],
        )?;
        self.log.write(
            "mint",
            true,
            &json!({"txn": claims["txn"], "client": client, "sub": sub, "jti": jti, "exp": exp,
                "token_s256": digest(&chain), "receipt_s256": digest(receipt),
                "jkt": agreed.jkt}),
        )?;
        let answer = json!({
            "access_token": chain,
            "token_type": "DPoP",
            "expires_in": exp - now,
            "authorization_details": claims["authorization_details"],
        });
        Ok((answer, jti.to_owned()))
    }
}

fn code(form: &Form) -> Result<&str, Refusal> {
    if form.need("grant_type")? != "authorization_code" {
        let detail = "`grant_type` is `authorization_code` or that of token exchange: there are no refresh tokens";
        return Err(Refusal::new(
            "unsupported_grant_type",
            "broker.request",
            detail,
        ));
    }
    form.need("code")
}

/// Whether who comes with the code is who asked for it.
fn check(granted: &Granted, form: &Form, jkt: &str, now: i64) -> Result<(), Refusal> {
    if now >= granted.until {
        return Err(Refusal::grant(
            "broker.code",
            "the code is older than 60 s, or the person has stopped the agent",
        ));
    }
    if form.get("redirect_uri") != Some(&granted.agreed.redirect_uri) {
        let detail = "`redirect_uri` is not that of the request";
        return Err(Refusal::grant("broker.redirect_uri", detail));
    }
    let verifier = form.get("code_verifier").unwrap_or_default();
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    let sound = (43..=128).contains(&verifier.len()) && verifier.bytes().all(plain);
    let given = base64url::encode(&Sha256::digest(verifier.as_bytes()));
    if !sound || given != granted.agreed.challenge {
        let detail = "`code_verifier` is missing, or not that of the request's `code_challenge`";
        return Err(Refusal::grant("broker.pkce", detail));
    }
    if jkt != granted.agreed.jkt {
        let detail = "the proof is by another key than the one that asked";
        return Err(Refusal::grant("possession.key", detail));
    }
    Ok(())
}

fn find(tables: &Transaction<'_>, code: &str) -> Result<Option<Granted>, Refusal> {
    let row = tables.query_row(
        "SELECT client, sub, agreed, receipt, until, token FROM granted WHERE code = ?1",
        [code],
        |row| {
            let agreed: String = row.get(2)?;
            Ok((
                agreed,
                row.get(0)?,
                row.get(1)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        },
    );
    let Some((agreed, client, sub, receipt, until, token)) = row.optional()? else {
        return Ok(None);
    };
    let agreed = serde_json::from_str(&agreed)
        .map_err(|error| Refusal::own("broker.json", error.to_string()))?;
    Ok(Some(Granted {
        client,
        sub,
        agreed,
        receipt,
        until,
        token,
    }))
}
