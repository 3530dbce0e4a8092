//! Taking back (RFC 7009), telling whether (RFC 7662), and the list that enforcement points read.

use ambit_core::limits::EPOCHS_BYTES;
use ambit_gateway::http::{Heard, Reply};
use ambit_token::base64url;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use crate::ask;
use crate::broker::Broker;
use crate::client::{self, Known};
use crate::form::Form;
use crate::refusal::Refusal;
use crate::secret::digest;
use crate::store::{texts, use_once};

pub(crate) const REVOKE: &str = "/revoke";
pub(crate) const INTROSPECT: &str = "/introspect";
pub(crate) const EPOCHS: &str = "/epochs";
const EPOCHS_TYP: &str = "revocation-epochs+jwt";
/// Seconds that a list is in force, and may be kept by who fetched it.
const IN_FORCE: i64 = 300;
const KEEP: i64 = 30;
/// The revoked tokens of one client that the list names each by itself.
const NAMED: i64 = 100;
/// Seconds after `before` in which a token was made that an entry ends (docs/token.md, "Revocation epochs").
pub(crate) const LEEWAY: i64 = 30;

/// The digest of what was signed, by which a token is known: a signature of ES256 can be altered without
/// becoming invalid. Of a chain, its root's.
pub(crate) fn input(chain: &str) -> String {
    let root = chain.split('~').next().unwrap_or_default();
    digest(root.rsplit_once('.').map_or("", |(input, _)| input))
}

/// Revokes a token; the list's version goes up with it. `false`: it was revoked before. A client of which
/// more are revoked than the list names loses all that it has, so that no client can fill the list.
pub(crate) fn revoke(tables: &Transaction<'_>, jti: &str, now: i64) -> Result<bool, Refusal> {
    let sql = "UPDATE token SET revoked = ?1 WHERE jti = ?2 AND revoked IS NULL RETURNING client";
    let client = tables.query_row(sql, params![now, jti], |row| row.get::<_, String>(0));
    let Some(client) = client.optional()? else {
        return Ok(false);
    };
    let sql = "SELECT count(*) FROM token WHERE client = ?1 AND revoked IS NOT NULL AND named = 1 AND exp > ?2";
    let named: i64 = tables.query_row(sql, params![client, now - IN_FORCE], |row| row.get(0))?;
    if named > NAMED {
        let sql = "UPDATE token SET revoked = ?1 WHERE client = ?2 AND revoked IS NULL";
        tables.execute(sql, params![now, client])?;
    }
    tables.execute("UPDATE epochs SET version = version + 1", [])?;
    Ok(true)
}

/// Ends all that a selector of the list names, until `before` and the leeway, and says so until nothing of it could count.
pub(crate) fn end(
    tables: &Transaction<'_>,
    selector: &Value,
    (before, until): (i64, i64),
) -> Result<(), Refusal> {
    tables.execute(
        "INSERT INTO ended (selector, before, until) VALUES (?1, ?2, ?3) ON CONFLICT (selector)
         DO UPDATE SET before = max(before, excluded.before), until = max(until, excluded.until)",
        params![selector.to_string(), before, until],
    )?;
    tables.execute("UPDATE epochs SET version = version + 1", [])?;
    Ok(())
}

fn ended(tables: &Transaction<'_>, now: i64) -> Result<Vec<Value>, Refusal> {
    let sql = "SELECT json_object('selector', json(selector), 'before', before) FROM ended
        WHERE until > ?1 ORDER BY selector";
    let entries = texts(tables, sql, [now])?;
    entries.iter().map(|entry| ask::value(entry)).collect()
}

/// The entries of the list: what was ended as a whole, and each revoked token that could still count, or, of a client with more than
/// [`NAMED`], all until the last one was revoked.
fn entries(tables: &Transaction<'_>, now: i64) -> Result<Vec<Value>, Refusal> {
    let sql = "SELECT client, max(revoked), count(*) FROM token
        WHERE revoked IS NOT NULL AND named = 1 AND exp > ?1 GROUP BY client ORDER BY client";
    let mut clients = tables.prepare(sql)?;
    let rows = clients.query_map([now - IN_FORCE], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
        ))
    })?;
    let sql = "SELECT jti FROM token
        WHERE client = ?1 AND revoked IS NOT NULL AND named = 1 AND exp > ?2 ORDER BY jti";
    let mut tokens = tables.prepare(sql)?;
    let mut entries = ended(tables, now)?;
    for row in rows {
        let (client, last, count) = row?;
        if count > NAMED {
            let before = last - LEEWAY;
            entries.push(json!({"selector": {"client_id": client}, "before": before}));
            continue;
        }
        let named = tokens.query_map(params![client, now - IN_FORCE], |row| row.get(0))?;
        for jti in named {
            let jti: String = jti?;
            entries.push(json!({"selector": {"jti": jti}, "all": true}));
        }
    }
    Ok(entries)
}

impl Broker {
    /// `POST /revoke`: the token, and every token that was passed on from it. What this client does not have
    /// is as good as revoked.
    pub(crate) fn take_back(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let known = client::authenticate(&form, &self.config, now)?;
        self.store.step(|tables| {
            if let Err(refusal) = once(tables, &known)? {
                return Ok(Err(refusal));
            }
            let Some(token) = form.get("token") else {
                return Ok(Err(Refusal::request("`token` is missing")));
            };
            let row = tables.query_row(
                "SELECT jti, sub FROM token WHERE input = ?1 AND client = ?2",
                params![input(token), known.client.id],
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
            );
            if let Some((jti, sub)) = row.optional()?
                && revoke(tables, &jti, now)?
            {
                let facts = json!({"client": known.client.id, "sub": sub, "jti": jti, "why": "the client asked"});
                self.log.write("revocation", true, &facts)?;
            }
            Ok(Ok(Reply::json(200, "{}".to_owned())))
        })?
    }

    /// `POST /introspect`: for the client whose token it is. Of anything else it says no more than that it
    /// does not count.
    pub(crate) fn introspect(&self, heard: &Heard) -> Result<Reply, Refusal> {
        let now = self.now();
        let form = Form::body(heard)?;
        let known = client::authenticate(&form, &self.config, now)?;
        self.store.step(|tables| {
            if let Err(refusal) = once(tables, &known)? {
                return Ok(Err(refusal));
            }
            let Some(token) = form.get("token") else {
                return Ok(Err(Refusal::request("`token` is missing")));
            };
            let found = tables.query_row(
                "SELECT jti FROM token
                 WHERE whole = ?1 AND client = ?2 AND revoked IS NULL AND exp > ?3",
                params![digest(token), known.client.id, now],
                |row| row.get::<_, String>(0),
            );
            let mut body = json!({"active": false});
            if found.optional()?.is_some() {
                body = claims(token)?;
                body["active"] = json!(true);
                body["token_type"] = json!("DPoP");
            }
            Ok(Ok(Reply::json(200, body.to_string())))
        })?
    }

    /// The list as it is now, signed; `None` where none is served.
    pub(crate) fn list(
        &self,
        tables: &Transaction<'_>,
        now: i64,
    ) -> Result<Option<String>, Refusal> {
        let Some(key) = &self.keys.epochs else {
            return Ok(None);
        };
        let x = key.x();
        let iss = self.policy(|bundle| {
            let mut rows = bundle.keys(key.kid());
            let row = rows.find(|row| row.x() == x && row.signs() == EPOCHS_TYP);
            row.map(|row| row.iss().to_owned()).ok_or_else(|| {
                let detail = "the policy does not know the key `epochs_key` any more";
                Refusal::own("broker.epochs_key", detail)
            })
        })?;
        let version: i64 = tables.query_row("SELECT version FROM epochs", [], |row| row.get(0))?;
        let entries = entries(tables, now)?;
        let header = json!({"alg": key.alg(), "typ": EPOCHS_TYP, "kid": key.kid()});
        let claims = json!({"iss": iss, "iat": now, "exp": now + IN_FORCE, "version": version, "entries": entries});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = base64url::encode(&key.sign(signed.as_bytes())?);
        let list = format!("{signed}.{signature}");
        if list.len() > EPOCHS_BYTES {
            let detail = "more tokens are revoked than a list of revocation epochs can name";
            return Err(Refusal::own("broker.epochs", detail));
        }
        Ok(Some(list))
    }

    /// `GET /epochs`: the tokens that are revoked and would still count, signed.
    pub(crate) fn epochs(&self) -> Result<Reply, Refusal> {
        let now = self.now();
        let list = self.store.step(|tables| self.list(tables, now))?;
        let Some(list) = list else {
            return Ok(Reply::problem(
                404,
                "Not Found",
                "this broker serves no revocation epochs",
            ));
        };
        Ok(
            Reply::of(200, "application/jwt", list)
                .with("cache-control", format!("max-age={KEEP}")),
        )
    }
}

/// The claims of a token that we minted.
pub(crate) fn claims(token: &str) -> Result<Value, Refusal> {
    let payload = token
        .split('.')
        .nth(1)
        .and_then(|part| base64url::decode(part.as_bytes()));
    let text = payload.and_then(|payload| String::from_utf8(payload).ok());
    ask::value(&text.unwrap_or_default())
}

/// An assertion counts once here as well.
fn once(tables: &Transaction<'_>, known: &Known<'_>) -> Result<Result<(), Refusal>, Refusal> {
    if use_once(tables, &known.once)? {
        return Ok(Ok(()));
    }
    let detail = "`client_assertion` was used before: make one for each request";
    Ok(Err(Refusal::new(
        "invalid_client",
        "broker.client_used",
        detail,
    )))
}
